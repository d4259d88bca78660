"""The log file. Nothing that the user typed is logged: pygls, which logs whole messages, is kept out."""

import logging
from pathlib import Path

MAX_BYTES = 2_000_000

_FOREIGN = ("pygls", "httpx", "httpcore", "asyncio")


def quiet_foreign() -> None:
    """Silence libraries whose log lines quote messages, documents or addresses."""
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # Without a handler of ours, Python would print warnings on stderr, which some editors show.
    logging.getLogger("pilotfish").addHandler(logging.NullHandler())
    logging.getLogger("pilotfish").propagate = False


def log_to(path: Path) -> None:
    """Log to a file that is rotated; raises ``OSError`` when it can't be written."""
    from logging.handlers import RotatingFileHandler

    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("pilotfish").addHandler(handler)
