"""The paths, one module per concern; each gives a router and knows the ``Service`` only."""
