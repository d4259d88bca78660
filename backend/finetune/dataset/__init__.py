"""From source trees, tables and data sets of the hub to rows that a model is trained on."""
