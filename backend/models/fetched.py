"""What a source hands over."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fetched:
    """A GGUF that came whole: its hash is the one that its source promised."""

    path: Path
    sha256: str
