"""Fixtures that any test may use: a mock backend and editors with a language server."""

pytest_plugins = ["harness.fixtures", "harness.ghost_latency", "harness.no_skips", "harness.reruns"]
