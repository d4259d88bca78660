"""What Prometheus sees. Every application has a registry of its own; nothing of a prompt is ever a label."""

from collections.abc import Callable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters and histograms of one server."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "pilotfish_requests", "HTTP requests by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "pilotfish_request_seconds",
            "From the first header to the last byte of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_token = Histogram(
            "pilotfish_first_token_seconds",
            "From the first header to the first token of a completion.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            "pilotfish_tokens",
            "Tokens by kind: prompt, cached (of the prompt), completion.",
            ["kind"],
            registry=registry,
        )
        self.cancelled = Counter(
            "pilotfish_cancelled", "Completions whose client left before the end.", registry=registry
        )
        self.engine_errors = Counter(
            "pilotfish_engine_errors", "Errors of the engine by kind.", ["kind"], registry=registry
        )
        self._gauge = Gauge

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Show a number that is read whenever Prometheus asks."""
        self._gauge(f"pilotfish_{name}", help_text, registry=self.registry).set_function(value)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
