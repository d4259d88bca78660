"""How a worker leaves word of what it failed of."""

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that ended a worker."""

    kind: str = ""
    """The exception's class, with its module."""
    message: str = ""
    trace: str = ""
    library: str = ""
    """The library that is missing, if it is that."""


@contextmanager
def recorded(path: Path) -> Iterator[None]:
    """Write what ends this block by an exception to a file; the exception goes on."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, SystemExit | KeyboardInterrupt):
            _write(path, error)
        raise


def read_failure(path: Path) -> Failure | None:
    """What a worker left, or None."""
    try:
        return Failure(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _missing(error: BaseException) -> str:
    """The library that is not installed, if that is what an exception says."""
    library = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return library if library and find_spec(library) is None else ""


def _write(path: Path, error: BaseException) -> None:
    kind = type(error)
    failure = Failure(
        f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        str(error),
        "".join(traceback.format_exception(error)),
        _missing(error),
    )
    path.write_text(json.dumps(asdict(failure), indent=2), "utf-8")
