"""What the proxy is told at start; nothing here reads the environment or a file."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one server takes on. Seconds are wall time."""

    body_bytes: int = 2 * 1024 * 1024
    """The longest request body; a longer one is a 413."""
    body_seconds: float = 10.0
    """How long a client may take to send its body; a slower one is a 408."""
    queue: int = 32
    """Requests that may wait beside those that are being served; the next one is a 429."""
    queue_seconds: float = 30.0
    """How long a request waits for a free slot; then it is a 503."""
    request_seconds: float = 120.0
    """How long a request may take in all; then it is a 504."""
    sequences: int = 64
    """Texts that one request may ask for: prompts times ``best_of``."""
    key_concurrency: int = 16
    """Requests of one API key at once, waiting ones too; 0: no limit. A key may have a limit of its own."""
    key_rate: float = 0.0
    """Requests per minute of one API key; 0: no limit. A key may have a limit of its own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that ``create_app`` needs to know."""

    limits: Limits = field(default_factory=Limits)
    model: str = ""
    """The model's name until the engine has loaded it."""
    api_key: str | None = field(default=None, repr=False)
    """One key, handed over at start by whoever starts the server; None: see ``api_key_file``."""
    api_key_file: Path | None = None
    """File of the named keys' hashes; with neither, the server is open to whoever reaches it."""
    aliases: tuple[str, ...] = ("codegen", "copilot-codex", "fastertransformer", "py-model")
    """Names under which clients of other servers know their model; each means the model that is served."""
    copilot_token: bool = False
    """Whether ``/copilot_internal/v2/token`` exists."""
    proof_seconds: float = 10.0
    """How old the last real token may be while the server calls itself ready."""
    probe_seconds: float = 6.0
    """After how long without a token from real traffic the engine is asked for one."""
    instance_id: str = ""
    """What ``/health`` shows so that a launcher knows its own; empty: random."""

    @property
    def keyed(self) -> bool:
        """Whether requests need an API key."""
        return self.api_key is not None or self.api_key_file is not None
