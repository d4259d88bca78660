"""The kinds of values that settings take: how each is checked, and how an environment variable spells it."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from pilotfish.lsp.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of value."""

    expected: str
    """What a user is told when the value is wrong; completes "expected …"."""
    parse: Callable[[object], T]
    """Turns a value from TOML or JSON into the setting's; raises ``ValueError``."""
    read: Callable[[str], object] = str
    """Turns an environment variable's text into what ``parse`` takes; raises ``ValueError``."""
    shown: bool = True
    """Whether a wrong value may be shown in a message (a URL may hold a password)."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What the loader knows of one setting beside its default."""

    kind: Kind[Any]
    guarded: Callable[[Any], bool]
    """Which values an untrusted workspace's file may not set."""
    user_only: bool = False
    """Whether the user's own ``config.toml`` alone may set it."""
    adds: bool = False
    """Whether the lists of all layers are joined, instead of the highest replacing the rest."""


def setting(
    default: T,
    kind: Kind[T],
    *,
    guarded: bool | Callable[[Any], bool] = False,
    user_only: bool = False,
    adds: bool = False,
) -> T:
    """Declare a field of the settings tree; see ``Spec`` for the keywords."""
    spec = Spec(kind, guarded if callable(guarded) else lambda _: guarded, user_only=user_only, adds=adds)
    declared: T = field(default=default, metadata={"spec": spec})
    return declared


def text(expected: str = "a text") -> Kind[str]:
    """Take any text; surrounding white space is dropped."""
    return Kind(expected, lambda value: _text(value).strip())


def address() -> Kind[str]:
    """Take an http or https URL with a host, or nothing."""

    def parse(value: object) -> str:
        url = _text(value).strip()
        if url:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError(url)
            _ = parts.port  # out of range: ValueError
        return url

    return Kind("an http:// or https:// URL", parse, shown=False)


def file_path() -> Kind[str]:
    """Take a file's absolute path; ``~`` stands for the home directory."""

    def parse(value: object) -> str:
        path = _text(value).strip()
        # A relative path would mean another file in each directory that an editor is started from.
        if path and not path.startswith(("/", "~", "\\\\")) and path[1:3] not in {":\\", ":/"}:
            raise ValueError(path)
        return path

    return Kind("an absolute path, or one that begins with ~", parse)


def is_local_path(model: str) -> bool:
    """Tell whether a model's name means a file of this machine, as a stranger's workspace may bring along."""
    return model.startswith(("/", "~", ".", "\\")) or model[1:2] == ":" or model.lower().endswith(".gguf")


def secret() -> Kind[Secret]:
    """Take a text that is never shown."""

    def parse(value: object) -> Secret:
        key = _text(value).strip()
        # A header can't carry these, and the error would come much later and from elsewhere.
        if not key.isascii() or not key.isprintable():
            raise ValueError
        return Secret(key)

    return Kind("a text of printable ASCII characters", parse, shown=False)


def switch() -> Kind[bool]:
    """Take a boolean."""

    def parse(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(value)
        return value

    return Kind("true or false", parse, read=_read_switch)


def choice(*names: str) -> Kind[str]:
    """Take one of a few names."""

    def parse(value: object) -> str:
        name = _text(value)
        if name not in names:
            raise ValueError(value)
        return name

    return Kind(" or ".join((", ".join(names[:-1]), names[-1])), parse)


def number(low: float, high: float, unit: str) -> Kind[float]:
    """Take a number in a closed range."""

    def parse(value: object) -> float:
        return float(_within(value, low, high))

    return Kind(f"a number of {unit} from {low:g} to {high:g}", parse, read=float)


def whole(low: int, high: int, unit: str) -> Kind[int]:
    """Take a whole number in a closed range."""

    def parse(value: object) -> int:
        return _whole(value, low, high)

    return Kind(f"a whole number of {unit} from {low} to {high}", parse, read=int)


def whole_or_auto(low: int, high: int, unit: str) -> Kind[int | None]:
    """Take a whole number in a closed range, or ``auto``, which becomes None."""

    def parse(value: object) -> int | None:
        return None if value == "auto" else _whole(value, low, high)

    def read(value: str) -> object:
        return value if value == "auto" else int(value)

    return Kind(f"auto or a whole number of {unit} from {low} to {high}", parse, read=read)


def texts(expected: str = "a list of texts") -> Kind[tuple[str, ...]]:
    """Take a list of texts; in the environment separated by commas, or a JSON array."""
    return Kind(expected, _texts, read=lambda value: _read_list(value, lambda line: line.split(",")))


def command() -> Kind[tuple[str, ...]]:
    """Take a program and its arguments; in the environment quoted as in a shell, or a JSON array."""
    return Kind(
        "a list of texts: a program and its arguments",
        _texts,
        read=lambda value: _read_list(value, shlex.split),
        shown=False,  # people do write keys into commands
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and item.strip() for item in value
    ):
        raise ValueError(value)
    return tuple(value)


def _within(value: object, low: float, high: float) -> float:
    # A bool is an int to Python, but nobody who writes `true` means one second.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(value)
    return value


def _whole(value: object, low: int, high: int) -> int:
    checked = _within(value, low, high)
    if checked != int(checked):
        raise ValueError(value)
    return int(checked)


def _read_switch(value: str) -> object:
    answers = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    return answers.get(value.strip().lower(), value)


def _read_list(value: str, split: Callable[[str], list[str]]) -> object:
    if value.lstrip().startswith("["):
        parsed: object = json.loads(value)  # JSONDecodeError is a ValueError
        return parsed
    return [item.strip() for item in split(value) if item.strip()]
