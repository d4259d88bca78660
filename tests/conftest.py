"""Fixtures that any test may use: a mock backend and editors with a language server."""

import signal

# A shell starts what is in its background with SIGINT ignored, and a program hands that on to those that it starts: no
# test could interrupt one.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["harness.fixtures", "harness.ghost_latency", "harness.no_skips", "harness.reruns"]
