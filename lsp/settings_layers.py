"""Merges the layers of configuration into one ``Settings``. Pure: ``settings_sources`` reads them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

from pilotfish.lsp.setting_kinds import Spec
from pilotfish.lsp.settings import Settings

T = TypeVar("T")

ENV_PREFIX = "PILOTFISH_"
ENV_OTHERS = frozenset({"PILOTFISH_CACHE_DIR", "PILOTFISH_CONFIG", "PILOTFISH_STATE_DIR"})
"""Variables of ours that are no settings."""


class Origin(Enum):
    """Where a layer is from, which decides what it may set."""

    USER = "the user's configuration file"
    WORKSPACE = "the workspace's .pilotfish.toml"
    ENVIRONMENT = "the environment"
    EDITOR = "the editor"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings; in a sequence of layers the later wins."""

    origin: Origin
    values: Mapping[str, Any]
    """Nested mappings as in TOML and JSON, dotted keys allowed; the environment's variables as they are."""
    name: str = ""
    """What messages call it, such as a file's path."""
    folder: str = ""
    """Of the workspace: its root, absolute and without symbolic links."""
    trusted: bool = False
    """Of the editor: whether it says that the user trusts the workspace."""

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.name or self.origin.value


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the configuration that was passed over. Equal problems need only be reported once."""

    setting: str
    """The setting's full name, or the file's when the whole file is meant."""
    message: str
    """What is wrong with it, where it was found, and what was expected."""

    def __str__(self) -> str:
        return f"{self.setting}: {self.message}"


def load(layers: Sequence[Layer]) -> tuple[Settings, list[Problem]]:
    """Merge the layers, the lowest first, onto the defaults.

    What is unknown, wrong or not allowed is reported and left out: the value of the layer below stays.
    """
    merged: dict[str, Any] = {}
    problems: list[Problem] = []
    trusted = is_trusted(layers)
    for layer in layers:
        for name, value in _entries(layer, problems):
            _accept(merged, problems, layer, name, value, trusted=trusted)
    return _build(Settings(), merged), problems


def is_trusted(layers: Sequence[Layer]) -> bool:
    """Whether the workspace's own file may set everything: the editor or the user's configuration says so."""
    folders = {layer.folder for layer in layers if layer.origin is Origin.WORKSPACE}
    for layer in layers:
        if layer.origin is Origin.EDITOR and layer.trusted:
            return True
        listed = layer.values.get("trusted_workspaces") if layer.origin is Origin.USER else None
        # Exactly the folder: who trusts ~/work has not read every repository that is cloned into it.
        if isinstance(listed, list) and folders & {item for item in listed if isinstance(item, str)} - {""}:
            return True
    return False


def _accept(
    merged: dict[str, Any], problems: list[Problem], layer: Layer, name: str, value: object, *, trusted: bool
) -> None:
    """Take one value into ``merged``, or report why not."""
    spec = SPECS[name]
    kind = spec.kind
    try:
        raw = kind.read(str(value)) if layer.origin is Origin.ENVIRONMENT else value
        parsed = kind.parse(raw)
    except ValueError:
        got = f", got {_shorten(value)}" if kind.shown else ""
        problems.append(Problem(name, f"{layer.label}: expected {kind.expected}{got}"))
        return
    if spec.user_only and layer.origin is not Origin.USER:
        problems.append(Problem(name, f"{layer.label}: only the user's own config.toml may set this"))
    elif layer.origin is Origin.WORKSPACE and not trusted and spec.guarded(parsed):
        advice = "to allow it, list the folder in trusted_workspaces of your own config.toml"
        problems.append(
            Problem(name, f"{layer.label}: refused, since this workspace is not trusted; {advice}")
        )
    elif spec.adds:
        merged[name] = (*merged.get(name, ()), *parsed)
    else:
        merged[name] = parsed


def _entries(layer: Layer, problems: list[Problem]) -> Iterator[tuple[str, object]]:
    """Yield the known settings that a layer holds."""
    if layer.origin is Origin.ENVIRONMENT:
        for variable, value in layer.values.items():
            if variable.startswith(ENV_PREFIX) and variable not in ENV_OTHERS and value != "":
                if variable in VARIABLES:
                    yield VARIABLES[variable], value
                else:
                    problems.append(_unknown(variable, layer, VARIABLES))
        return
    yield from _walk("", layer.values, layer, problems)


def _walk(
    path: str, values: Mapping[str, Any], layer: Layer, problems: list[Problem]
) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        name = path + ".".join(_snake(part) for part in str(key).split("."))
        if value is None:  # JSON's way to leave a setting alone
            continue
        if name in SPECS:
            yield name, value
        elif name not in SECTIONS:
            problems.append(_unknown(name, layer, SPECS))
        elif isinstance(value, Mapping):
            yield from _walk(f"{name}.", value, layer, problems)
        else:
            problems.append(
                Problem(name, f"{layer.label}: expected a group of settings, got {_shorten(value)}")
            )


def _unknown(name: str, layer: Layer, known: Mapping[str, object]) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return Problem(name, f"{layer.label}: there is no such setting" + (f"; {near[0]}?" if near else ""))


def _snake(key: str) -> str:
    """``maxLines`` and ``max_lines`` alike become ``max_lines``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def _shorten(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def _build(defaults: T, merged: Mapping[str, Any], path: str = "") -> T:
    """Copy a tree of dataclasses with the merged values put in."""
    changes: dict[str, Any] = {}
    for field in fields(cast("Any", defaults)):
        name = f"{path}{field.name}"
        default = getattr(defaults, field.name)
        if is_dataclass(default) and "spec" not in field.metadata:
            changes[field.name] = _build(default, merged, f"{name}.")
        elif name in merged:
            changes[field.name] = merged[name]
    return cast("T", replace(cast("Any", defaults), **changes))


def _specs(tree: object, path: str = "") -> Iterator[tuple[str, Spec]]:
    for field in fields(cast("Any", tree)):
        if "spec" in field.metadata:
            yield f"{path}{field.name}", field.metadata["spec"]
        else:
            yield from _specs(getattr(tree, field.name), f"{path}{field.name}.")


SPECS = dict(_specs(Settings()))
"""What is known of each setting, by its full name."""
SECTIONS = frozenset(name[:place] for name in SPECS for place, letter in enumerate(name) if letter == ".")
VARIABLES = {ENV_PREFIX + name.replace(".", "_").upper(): name for name in SPECS}
"""The setting that an environment variable means."""
