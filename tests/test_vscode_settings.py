"""The extension's settings say what the language server's are: names, defaults, what they take, what they mean."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pilotfish.lsp.settings import Settings
from pilotfish.lsp.settings_layers import SPECS

ROOT = Path(__file__).parents[1]
MANIFEST = json.loads((ROOT / "editors/vscode/package.json").read_text("utf-8"))
OWN = {"pilotfish.enable", "pilotfish.server.path"}
"""Settings of the extension itself."""
ELSEWHERE = {"backend.api_key", "trusted_workspaces"}
"""A key belongs into the secret storage; whom to trust the editor asks itself."""
SHARED = sorted(SPECS.keys() - ELSEWHERE)


def declared() -> dict[str, dict[str, Any]]:
    """The settings of the manifest, by their full name."""
    return {
        name: schema
        for part in MANIFEST["contributes"]["configuration"]
        for name, schema in part["properties"].items()
    }


def in_editor(name: str) -> str:
    """A setting's name as editors spell it."""
    return "pilotfish." + re.sub(r"_(.)", lambda found: found[1].upper(), name)


def meaning(name: str) -> str:
    """The docstring of a setting, with the names of others as editors spell them."""
    spec = importlib.util.spec_from_file_location(
        "settings_reference", ROOT / "scripts/settings_reference.py"
    )
    assert spec
    assert spec.loader
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    section, _, field = name.rpartition(".")
    tree = getattr(Settings(), section) if section else Settings()
    text = reference.docstrings()[type(tree).__name__][field].replace("``", "`").replace(" (None here)", "")
    return re.sub(r"`(\w+)`", lambda found: f"`{in_editor(found[1]).removeprefix('pilotfish.')}`", text)


def default(name: str) -> object:
    """The default of a setting, as JSON has it."""
    value: Any = Settings()
    for part in name.split("."):
        value = getattr(value, part)
    return list(value) if isinstance(value, tuple) else value


def accepts(name: str, value: object) -> bool:
    """Whether the language server takes a value."""
    try:
        SPECS[name].kind.parse(value)
    except ValueError:
        return False
    return True


def test_every_setting_is_there_and_no_other() -> None:
    """A setting of the server that VS Code does not know is marked as unknown there, and the other way round."""
    assert declared().keys() == {in_editor(name) for name in SHARED} | OWN


@pytest.mark.parametrize("name", SHARED)
def test_default_and_meaning_are_the_servers(name: str) -> None:
    """The settings editor shows the true default, and the server's own words."""
    schema = declared()[in_editor(name)]
    assert schema["default"] == default(name)
    assert schema["markdownDescription"].startswith(meaning(name))


@pytest.mark.parametrize("name", SHARED)
def test_what_is_offered_is_what_the_server_takes(name: str) -> None:
    """Each choice, each bound, and nothing beyond: what VS Code lets through is not refused later."""
    schema = declared()[in_editor(name)]
    for choice in schema.get("enum", []):
        assert accepts(name, choice)
    if "enum" in schema:
        assert re.split(r", | or ", SPECS[name].kind.expected) == schema["enum"]
    for bound, beyond in (("minimum", -1), ("maximum", 1)):
        if bound in schema:
            assert accepts(name, schema[bound])
            assert not accepts(name, schema[bound] + beyond)
    assert ("minimum" in schema) == (" from " in SPECS[name].kind.expected)


@pytest.mark.parametrize("name", SHARED)
def test_an_untrusted_workspace_sets_nothing_dangerous(name: str) -> None:
    """What the server takes from no untrusted workspace is restricted; programs are the machine's alone."""
    guarded = SPECS[name].guarded("name") or SPECS[name].guarded("/a/path")
    restricted = MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert (in_editor(name) in restricted) == guarded
    schema = declared()[in_editor(name)]
    assert (schema["scope"] == "machine") == name.endswith("_command")


def test_the_program_itself_is_the_machines_alone() -> None:
    """No workspace says which program is started."""
    assert declared()["pilotfish.server.path"]["scope"] == "machine"


def test_extension_and_server_have_one_version() -> None:
    """The .vsix carries the wheel of the same tree."""
    assert MANIFEST["version"] == (ROOT / "lsp/VERSION").read_text("utf-8").strip()
