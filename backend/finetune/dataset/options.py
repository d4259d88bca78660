"""What building a data set is asked to do, and how it says that it can't. Pure."""

from dataclasses import dataclass
from pathlib import Path

MAX_FILE_SIZE = 1 << 20
VALIDATION = 0.05


class DatasetError(Exception):
    """A data set can't be built as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """One run of ``dataset build``."""

    sources: tuple[str, ...] = ()
    """Folders, files (.csv, .txt, .json, .jsonl) or names of data sets on the hub."""
    out: Path = Path()
    """The data set's folder."""
    validation: float = VALIDATION
    """The part of the files that is kept for validation, 0 to 1 (1 excluded)."""
    max_file_size: int = MAX_FILE_SIZE
    """In bytes; what is larger is not read."""
    text_column: str = "text"
    """Where rows of files and of the hub's data sets have their text."""
    seed: int = 0
    """Another seed, another split."""
    force: bool = False
    """Replace a data set that is there."""
    processes: int = 1
    """That read and examine files; the result does not depend on it."""
    similarity: float = 0.85
    """From which share of common sequences of words on (0 to 1) two files are the same one for us."""
