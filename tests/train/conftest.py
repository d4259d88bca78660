"""Tests that need torch and transformers: `make test-train` runs them, in an environment that has both."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]
