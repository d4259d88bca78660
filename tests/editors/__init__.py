"""Real editors, with the real programs and model: `make test-editors` runs these, `make test` does not."""
