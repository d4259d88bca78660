"""What `--model` means: a CodeGen of the hub by its name, a checkpoint in a folder, or one that is converted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ComposeError
from .memory import NAMED, Shape, shape_of

DEFAULT = "codegen-350M-multi"
MODELS: Mapping[str, str] = {
    f"codegen-{size}-{kind}": f"Salesforce/codegen-{size}-{kind}"
    for size in NAMED
    for kind in ("mono", "multi", "nl")
}
"""Names, as FauxPilot's menu had them, and repositories of the hub. All under BSD-3-Clause."""
REPOSITORY = "pilotfish.json"
"""What the converter leaves in a model repository."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from."""

    name: str = DEFAULT
    """How clients call it; names its folders too."""
    repository: str | None = None
    """On the hub; None: it is here."""
    folder: Path | None = None
    """The checkpoint on this host; None: it is on the hub."""
    converted: Path | None = None
    """A model repository that is there already: nothing is left to convert."""
    shape: Shape | None = None
    """None while its config.json is not here."""


def find_source(named: str) -> Source:
    """What a name, a repository's name, or a folder stands for. Raises ``ComposeError`` that says what is possible."""
    path = Path(named).expanduser()
    if (path / REPOSITORY).is_file():
        return _converted(path.resolve())
    if path.is_dir():
        return _local(path.resolve())
    if named in MODELS:
        return Source(named, MODELS[named], shape=NAMED[named.split("-")[1]])
    if _HUB_NAME.fullmatch(named) and not named.startswith("."):
        return Source(named.rpartition("/")[2], named)
    raise ComposeError(
        f"there is no folder {named}, and no model of that name. Known: {', '.join(MODELS)}; or give a folder with a "
        "CodeGen or GPT-J checkpoint, or a repository of the hub as MAKER/NAME."
    )


def _converted(path: Path) -> Source:
    try:
        name = json.loads((path / REPOSITORY).read_text("utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ComposeError(f"can't read {path / REPOSITORY}: {error}") from None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        name = path.name
    return Source(name, converted=path)


def _local(path: Path) -> Source:
    if not _NAME.fullmatch(path.name):
        raise ComposeError(
            f"{path.name!r} can't be a model's name: rename the folder to letters, digits and . _ -"
        )
    try:
        config = json.loads((path / "config.json").read_text("utf-8"))
        return Source(path.name, folder=path, shape=shape_of(config))
    except FileNotFoundError:
        raise ComposeError(f"{path} has no config.json, so it is no checkpoint.") from None
    except (OSError, ValueError) as error:
        raise ComposeError(f"can't read {path / 'config.json'}: {error}") from None
    except ComposeError as error:
        raise ComposeError(f"{path}: {error}") from None
