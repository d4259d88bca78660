"""The benchmark's scenarios: each module measures one family and returns rows."""
