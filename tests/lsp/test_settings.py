"""The settings tree and how its layers merge."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from pilotfish.lsp import settings as settings_module
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.settings_layers import SPECS, VARIABLES, Layer, Origin, load

FOLDER = "/home/ada/engine"


def user(**values: object) -> Layer:
    return Layer(Origin.USER, values, name="config.toml")


def workspace(**values: object) -> Layer:
    return Layer(Origin.WORKSPACE, values, name=".pilotfish.toml", folder=FOLDER)


def environment(**values: str) -> Layer:
    return Layer(Origin.ENVIRONMENT, values)


def editor(*, trusted: bool = False, **values: object) -> Layer:
    return Layer(Origin.EDITOR, values, name="initializationOptions", trusted=trusted)


def value_of(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def check(layers: list[Layer], name: str, expected: object) -> None:
    """Assert that the layers give a setting this value, and no problem."""
    settings, problems = load(layers)
    assert [str(problem) for problem in problems] == []
    assert value_of(settings, name) == expected


def check_problem(layers: list[Layer], name: str, *, says: str, expected: object = None) -> str:
    """Assert that the layers give one problem, of this name, and leave the setting as it was below."""
    settings, problems = load(layers)
    assert [problem.setting for problem in problems] == [name]
    assert says in problems[0].message
    if name in SPECS:
        default = value_of(Settings(), name)
        assert value_of(settings, name) == (default if expected is None else expected)
    return str(problems[0])


def nested(name: str, value: object) -> dict[str, Any]:
    section, _, key = name.rpartition(".")
    return {section: {key: value}} if section else {key: value}


def test_nothing_configured_gives_the_defaults() -> None:
    """No layer at all gives the documented defaults."""
    assert load([]) == (Settings(), [])


def test_each_layer_outranks_the_ones_before_it() -> None:
    """Precedence rises in the order of the layers."""
    layers = [
        user(completion={"max_lines": 1}),
        workspace(completion={"max_lines": 2}),
        environment(PILOTFISH_COMPLETION_MAX_LINES="3"),
        editor(completion={"maxLines": 4}),
        editor(completion={"maxLines": 5}),
    ]
    for count in range(1, len(layers) + 1):
        check(layers[:count], "completion.max_lines", count)


def test_layers_are_merged_setting_by_setting() -> None:
    """A layer that sets one setting of a group leaves the others to the layers below."""
    layers = [user(completion={"max_lines": 3, "mode": "menu"}), editor(completion={"maxLines": 4})]
    check(layers, "completion.mode", "menu")


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"completion": {"maxLines": 7}}, "completion.max_lines", 7),
        ({"completion": {"max_lines": 7}}, "completion.max_lines", 7),
        ({"completion.maxLines": 7}, "completion.max_lines", 7),
        ({"completion": {"delay": "auto"}}, "completion.delay", None),
        ({"completion": {"delay": 0}}, "completion.delay", 0),
        ({"completion": {"delay": None}}, "completion.delay", None),
        ({"completion": {"fim": "qwen"}}, "completion.fim", "qwen"),
        ({"backend": {"timeout": 5}}, "backend.timeout", 5.0),
        ({"backend": {"autostart": False}}, "backend.autostart", False),
        ({"backend": {"apiKey": " k1 "}}, "backend.api_key", Secret("k1")),
        (
            {"backend": {"apiKeyCommand": ["pass", "show", "x"]}},
            "backend.api_key_command",
            ("pass", "show", "x"),
        ),
        ({"backend": {"url": "https://gpu.example/v1"}}, "backend.url", "https://gpu.example/v1"),
        ({"backend": {"url": ""}}, "backend.url", ""),
        ({"backend": {"caFile": "~/ca.pem"}}, "backend.ca_file", "~/ca.pem"),
        ({"context": {"promptTokens": 1024}}, "context.prompt_tokens", 1024),
        ({"languages": {"disabled": ["markdown"]}}, "languages.disabled", ("markdown",)),
        ({"log": {"level": "debug"}}, "log.level", "debug"),
    ],
)
def test_what_editors_send_is_understood(values: dict[str, Any], name: str, expected: object) -> None:
    """camelCase, snake_case and dotted keys mean the same setting; null leaves it alone."""
    check([editor(**values)], name, expected)


@pytest.mark.parametrize(
    ("variable", "text", "name", "expected"),
    [
        ("PILOTFISH_BACKEND_URL", "http://gpu:8012", "backend.url", "http://gpu:8012"),
        ("PILOTFISH_BACKEND_API_KEY", "k1", "backend.api_key", Secret("k1")),
        (
            "PILOTFISH_BACKEND_API_KEY_COMMAND",
            "pass show 'a b'",
            "backend.api_key_command",
            ("pass", "show", "a b"),
        ),
        ("PILOTFISH_BACKEND_API_KEY_COMMAND", '["pass", "a b"]', "backend.api_key_command", ("pass", "a b")),
        ("PILOTFISH_BACKEND_AUTOSTART", "0", "backend.autostart", False),
        ("PILOTFISH_BACKEND_AUTOSTART", "True", "backend.autostart", True),
        ("PILOTFISH_BACKEND_TIMEOUT", "2.5", "backend.timeout", 2.5),
        ("PILOTFISH_COMPLETION_DELAY", "auto", "completion.delay", None),
        ("PILOTFISH_COMPLETION_DELAY", "90", "completion.delay", 90),
        ("PILOTFISH_LANGUAGES_DISABLED", "markdown, tex", "languages.disabled", ("markdown", "tex")),
        ("PILOTFISH_EXCLUDE", "", "exclude", ()),
    ],
)
def test_environment_variables_are_read_as_the_settings_kind(
    variable: str, text: str, name: str, expected: object
) -> None:
    """A variable's text becomes what its setting wants; an empty one counts as unset."""
    check([environment(**{variable: text})], name, expected)


def test_every_setting_has_a_variable_of_its_own() -> None:
    """No two settings share a variable."""
    assert len(VARIABLES) == len(SPECS)


BAD: dict[str, list[object]] = {
    "backend.url": ["ftp://x", "gpu:8012", "http://", "http://h:99999", 3],
    "backend.api_key": [1, "käse", "two\nlines"],
    "backend.api_key_command": ["pass show x", [1], [""]],
    "backend.model": [1, ["a"]],
    "backend.autostart": ["yes", 1],
    "backend.idle_timeout": ["x", 1, True],
    "backend.timeout": [0, -1, float("nan"), "5"],
    "backend.ca_file": ["ca.pem", "./ca.pem", 1],
    "backend.client_cert_file": ["cert.pem"],
    "backend.client_key_file": ["key.pem"],
    "completion.mode": ["ghost", 1],
    "completion.delay": ["soon", -1, 2.5, True, 99_999],
    "completion.max_lines": [0, "3", 1.5],
    "completion.multiline": [True, "sometimes"],
    "completion.fim": ["gpt", 0],
    "completion.prefetch": ["on"],
    "completion.inlay_hint": ["on"],
    "context.prompt_tokens": [1, "many"],
    "context.suffix_tokens": [-1],
    "context.import_tokens": [-1],
    "context.chars_per_token": [0, "3"],
    "languages.disabled": ["markdown", [1]],
    "exclude": ["*.log", [None]],
    "log.level": ["loud"],
    "trusted_workspaces": ["/x", [1]],
}


def test_the_table_of_bad_values_names_every_setting() -> None:
    """A new setting must come with bad values to try."""
    assert BAD.keys() == SPECS.keys()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_bad_value_is_reported_and_the_default_kept(name: str, value: object) -> None:
    """A bad value gives one problem with the full name and what was expected; the default stays."""
    check_problem([user(**nested(name, value))], name, says=f"expected {SPECS[name].kind.expected}")


def test_a_bad_value_leaves_the_lower_layers_value() -> None:
    """What was right below a wrong value holds."""
    layers = [user(completion={"max_lines": 3}), editor(completion={"maxLines": "x"})]
    check_problem(layers, "completion.max_lines", says="got 'x'", expected=3)


@pytest.mark.parametrize(
    ("layer", "name", "says"),
    [
        (user(colour="red"), "colour", "config.toml: there is no such setting"),
        (user(completion={"dealy": 3}), "completion.dealy", "completion.delay?"),
        (editor(completion={"maxLine": 3}), "completion.max_line", "completion.max_lines?"),
        (editor(sound={"volume": 3}), "sound", "there is no such setting"),
        (environment(PILOTFISH_URL="x"), "PILOTFISH_URL", "there is no such setting"),
        (user(completion=3), "completion", "expected a group of settings"),
    ],
)
def test_an_unknown_key_is_reported_by_its_full_name(layer: Layer, name: str, says: str) -> None:
    """What is no setting gives one problem, with the nearest name where there is one."""
    check_problem([layer], name, says=says)


GUARDED: Mapping[str, object] = {
    "backend.url": "http://evil.example",
    "backend.api_key": "k",
    "backend.api_key_command": ["sh", "-c", "evil"],
    "backend.ca_file": "/tmp/evil.pem",
    "backend.client_cert_file": "/tmp/evil.pem",
    "backend.client_key_file": "/tmp/evil.pem",
    "backend.model": "/tmp/evil.gguf",
}


@pytest.mark.parametrize(("name", "value"), GUARDED.items())
def test_an_untrusted_workspace_cannot_set_what_is_guarded(name: str, value: object) -> None:
    """A command, a URL, a key, a certificate, a model's file: refused and reported."""
    check_problem([workspace(**nested(name, value))], name, says="not trusted")


@pytest.mark.parametrize(("name", "value"), GUARDED.items())
@pytest.mark.parametrize("by", ["editor", "user"])
def test_a_trusted_workspace_can_set_what_is_guarded(name: str, value: object, by: str) -> None:
    """Trust comes from the editor or from the user's own file."""
    vouching = editor(trusted=True) if by == "editor" else user(trusted_workspaces=["/elsewhere", FOLDER])
    settings, problems = load([vouching, workspace(**nested(name, value))])
    assert problems == []
    assert value_of(settings, name) == SPECS[name].kind.parse(value)


@pytest.mark.parametrize(
    "vouching",
    [
        workspace(trusted_workspaces=[FOLDER]),
        environment(PILOTFISH_TRUSTED_WORKSPACES=FOLDER),
        editor(trustedWorkspaces=[FOLDER]),
        user(trusted_workspaces=["/home/ada", FOLDER + "/sub", ""]),
    ],
)
def test_nobody_else_can_grant_trust(vouching: Layer) -> None:
    """Neither the workspace itself, nor the environment, nor a setting of the editor, nor a parent folder."""
    settings, problems = load([vouching, workspace(backend={"url": "http://evil.example"})])
    assert settings.backend.url == ""
    assert any(problem.setting == "backend.url" for problem in problems)


def test_an_untrusted_workspace_can_set_the_rest() -> None:
    """A model's name, a delay, globs: these need no trust."""
    check([workspace(backend={"model": "Qwen/Qwen2.5-Coder-7B"})], "backend.model", "Qwen/Qwen2.5-Coder-7B")
    check([workspace(completion={"mode": "menu"})], "completion.mode", "menu")


def test_globs_of_all_layers_count() -> None:
    """No layer, least of all the workspace's, can take back what another excludes."""
    check([user(exclude=["private/**"]), workspace(exclude=[])], "exclude", ("private/**",))
    check([user(exclude=["a"]), editor(exclude=["b"])], "exclude", ("a", "b"))


def test_a_key_is_never_shown() -> None:
    """Neither the settings' repr nor a problem's text shows a key, nor a URL, which may hold a password."""
    settings, _ = load([user(backend={"api_key": "s3cret"})])
    assert "s3cret" not in repr(settings) + str(settings)
    assert settings.backend.api_key.reveal() == "s3cret"
    for name, value in [
        ("backend.api_key", "s3cret\n2"),
        ("backend.url", "ftp://u:s3cret@host"),
        ("backend.api_key_command", "echo s3cret"),
    ]:
        assert "s3cret" not in check_problem([user(**nested(name, value))], name, says="expected")


def test_equal_problems_compare_equal() -> None:
    """A caller reports each problem once by keeping a set of those reported."""
    layers = [user(colour="red")]
    assert set(load(layers)[1]) == set(load(layers)[1])


def test_every_setting_is_documented() -> None:
    """Each field of the tree has a docstring: the tree is the reference."""
    tree = ast.parse(inspect.getsource(settings_module))
    undocumented = [
        f"{node.name}.{field.target.id}"
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for field, after in zip(node.body, [*node.body[1:], None], strict=True)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert undocumented == []
    assert all(
        is_dataclass(getattr(Settings(), field.name)) or "spec" in field.metadata
        for field in fields(Settings)
    )
