"""From what a user names to a file that can be served."""

from dataclasses import dataclass
from pathlib import Path

from .catalogue import CATALOGUE
from .errors import BadModelFileError, NotPulledError, UnknownModelError
from .store import Store


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine."""

    path: Path
    name: str
    """How requests and answers spell it."""


def resolve_model(name_or_path: str, *, cache_dir: Path | None = None) -> LocalModel:
    """Find a pulled model by its name, or any GGUF by its path.

    Raises ``NotPulledError`` with the command that brings the model, ``UnknownModelError`` with the names that exist,
    or ``BadModelFileError`` for a path that is no file.
    """
    if name_or_path in CATALOGUE:
        store = Store.under(cache_dir)
        if store.manifest(name_or_path) is None:
            raise NotPulledError(
                f"The model {name_or_path} is not here yet. Bring it with: pilotfish-backend pull {name_or_path}"
            )
        return LocalModel(store.file(name_or_path), name_or_path)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return LocalModel(path.resolve(), path.stem)
    if path.is_dir():
        raise BadModelFileError(f"{path} is a directory, not a GGUF file.")
    if path.suffix == ".gguf" or len(path.parts) > 1:
        raise BadModelFileError(f"There is no file {path}.")
    raise UnknownModelError(
        f"There is no model {name_or_path!r}. Those that can be pulled: {', '.join(CATALOGUE)}; "
        "or give the path of a GGUF file."
    )
