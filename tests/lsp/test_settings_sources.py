"""Reading the layers of configuration."""

import os
from pathlib import Path

import pytest

from pilotfish.lsp.settings_layers import Origin, load
from pilotfish.lsp.settings_sources import (
    collect,
    configuration_layer,
    environment_layer,
    initialization_layer,
    user_config_path,
    user_layer,
    workspace_layer,
)


def test_absent_files_are_no_layers(tmp_path: Path) -> None:
    """Nobody has to have a configuration file."""
    layers, problems = collect(user_file=tmp_path / "none.toml", workspace=tmp_path, environ={})
    assert load(layers)[1] == problems == []


def test_all_sources_are_collected_in_order(tmp_path: Path) -> None:
    """User, workspace, environment, editor: the later wins."""
    (tmp_path / "config.toml").write_text("[completion]\nmax_lines = 1\n[log]\nlevel = 'error'\n")
    (tmp_path / ".pilotfish.toml").write_text("[completion]\nmax_lines = 2\nmode = 'menu'\n")
    layers, problems = collect(
        user_file=tmp_path / "config.toml",
        workspace=tmp_path,
        environ={"PILOTFISH_COMPLETION_MAX_LINES": "3", "PILOTFISH_COMPLETION_MODE": "inline", "HOME": "/"},
        editor=[initialization_layer({"completion": {"maxLines": 4}})],
    )
    assert [layer.origin for layer in layers] == [
        Origin.USER,
        Origin.WORKSPACE,
        Origin.ENVIRONMENT,
        Origin.EDITOR,
    ]
    settings, more = load(layers)
    assert problems == more == []
    assert (settings.log.level, settings.completion.mode, settings.completion.max_lines) == (
        "error",
        "inline",
        4,
    )


def test_a_folder_is_trusted_through_links_and_the_home_directory(tmp_path: Path) -> None:
    """trusted_workspaces and the workspace are compared by where they really are."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    (real / ".pilotfish.toml").write_text("backend.url = 'http://gpu:1'\n")
    (tmp_path / "config.toml").write_text(f"trusted_workspaces = ['{tmp_path / 'link'}']\n")
    layers, _ = collect(user_file=tmp_path / "config.toml", workspace=tmp_path / "link", environ={})
    settings, problems = load(layers)
    assert (settings.backend.url, problems) == ("http://gpu:1", [])


def test_broken_files_are_reported_without_their_text(tmp_path: Path) -> None:
    """Bad TOML, bad UTF-8, a huge file and a pipe each give one problem that quotes nothing."""
    (tmp_path / "bad.toml").write_text("api_key = s3cret\n")
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe4'\n")
    (tmp_path / "huge.toml").write_text("#" * ((1 << 20) + 1))
    os.mkfifo(tmp_path / "pipe.toml")
    for name, says in [
        ("bad.toml", "at line 1"),
        ("latin.toml", "not UTF-8"),
        ("huge.toml", "larger"),
        ("pipe.toml", "regular"),
    ]:
        layers, problems = user_layer(tmp_path / name)
        assert layers == []
        assert [problem.setting for problem in problems] == [str(tmp_path / name)]
        assert says in problems[0].message
        assert "s3cret" not in problems[0].message


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    """A directory in the file's place is a problem, not a crash."""
    (tmp_path / ".pilotfish.toml").mkdir()
    assert workspace_layer(tmp_path)[1] != []


def test_the_environment_gives_only_our_variables() -> None:
    """Other programs' variables stay out of the layer, and so out of every message."""
    assert environment_layer({"PATH": "/bin", "PILOTFISH_LOG_LEVEL": "debug"}).values == {
        "PILOTFISH_LOG_LEVEL": "debug"
    }


def test_the_section_may_be_named_or_not() -> None:
    """Editors send the tree bare, under the section's name, or with the name before each key."""
    for payload in (
        {"log": {"level": "debug"}},
        {"pilotfish": {"log": {"level": "debug"}}},
        {"pilotfish.log.level": "debug"},
        {"pilotfish": {"log.level": "debug"}},
    ):
        assert load([configuration_layer(payload)])[0].log.level == "debug"
    assert configuration_layer(None).values == configuration_layer([1]).values == {}


def test_only_initialization_options_can_vouch_for_the_workspace() -> None:
    """What arrives as configuration may come from the workspace's own files."""
    assert initialization_layer({"workspaceTrusted": True}).trusted
    assert not initialization_layer({"workspaceTrusted": False}).trusted
    assert not initialization_layer({"workspaceTrusted": "true"}).trusted
    assert not initialization_layer({}).trusted
    layer = configuration_layer({"workspaceTrusted": True})
    assert not layer.trusted
    assert [problem.setting for problem in load([layer])[1]] == ["workspace_trusted"]


def test_the_users_file_can_be_chosen(tmp_path: Path) -> None:
    """PILOTFISH_CONFIG names it."""
    environ = {"PILOTFISH_CONFIG": str(tmp_path / "x.toml")}
    assert user_config_path(environ) == tmp_path / "x.toml"
    assert user_config_path({}).name == "config.toml"


@pytest.mark.parametrize("variable", ["PILOTFISH_CACHE_DIR", "PILOTFISH_CONFIG", "PILOTFISH_STATE_DIR"])
def test_variables_that_say_where_files_lie_are_no_settings(variable: str, tmp_path: Path) -> None:
    """They are not taken for settings that do not exist."""
    assert load([environment_layer({variable: str(tmp_path)})])[1] == []
