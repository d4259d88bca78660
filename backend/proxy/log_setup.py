"""Where log lines go: to the terminal, or to a file that does not grow without end."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_BYTES = 1024 * 1024
_FILES = 3
# Their information lines repeat ours, and httpx's hold addresses of the engine.
_QUIET = ("uvicorn", "httpx", "httpcore", "asyncio")


class PrivateRotatingFile(RotatingFileHandler):
    """A rotated log that its owner only may read."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "a", encoding="utf-8")


def set_up_logging(path: Path | None, *, level: int = logging.INFO) -> None:
    """Log to the file, or to stderr where there is none. Raises ``OSError``."""
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler()
    else:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = PrivateRotatingFile(path, maxBytes=_BYTES, backupCount=_FILES)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
