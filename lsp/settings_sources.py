"""Reads the layers of configuration: files, the environment, and what the editor sends."""

import errno
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pilotfish.lsp.settings_layers import Layer, Origin, Problem

WORKSPACE_FILE = ".pilotfish.toml"
SECTION = "pilotfish"
MAX_BYTES = 1 << 20


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Where the user's own configuration is: ``PILOTFISH_CONFIG``, or the platform's usual place."""
    from platformdirs import user_config_path as platform_path

    chosen = environ.get("PILOTFISH_CONFIG")
    return (
        Path(chosen).expanduser() if chosen else platform_path("pilotfish", appauthor=False) / "config.toml"
    )


def user_layer(path: Path) -> tuple[list[Layer], list[Problem]]:
    """Read the user's own file; no layer when there is none."""
    values, problems = _read_toml(path)
    listed = values.get("trusted_workspaces")
    if isinstance(listed, list):
        # Compared with the workspace's own resolved path.
        values["trusted_workspaces"] = [
            str(Path(item).expanduser().resolve()) if isinstance(item, str) else item for item in listed
        ]
    return [Layer(Origin.USER, values, name=str(path))] if values else [], problems


def workspace_layer(root: Path) -> tuple[list[Layer], list[Problem]]:
    """Read ``.pilotfish.toml`` in a workspace's root; no layer when there is none."""
    path = root / WORKSPACE_FILE
    values, problems = _read_toml(path)
    return [
        Layer(Origin.WORKSPACE, values, name=str(path), folder=str(root.resolve()))
    ] if values else [], problems


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Take our variables out of an environment."""
    return Layer(
        Origin.ENVIRONMENT, {name: text for name, text in environ.items() if name.startswith("PILOTFISH_")}
    )


def initialization_layer(options: object) -> Layer:
    """Take the editor's initializationOptions: the settings' tree, and ``workspaceTrusted`` beside it."""
    values = {**_section(options)}
    trusted = [values.pop(key, None) for key in ("workspaceTrusted", "workspace_trusted")]
    return Layer(Origin.EDITOR, values, name="initializationOptions", trusted=True in trusted)


def configuration_layer(settings: object) -> Layer:
    """Take what ``workspace/didChangeConfiguration`` or ``workspace/configuration`` brought.

    It can't vouch for the workspace: editors let a workspace's own files set what they send here.
    """
    return Layer(Origin.EDITOR, _section(settings), name="the editor's configuration")


def collect(
    *,
    user_file: Path,
    workspace: Path | None,
    environ: Mapping[str, str],
    editor: Sequence[Layer] = (),
) -> tuple[list[Layer], list[Problem]]:
    """Gather all layers, the lowest first; ``editor`` holds what the editor sent, the oldest first."""
    layers, problems = user_layer(user_file)
    if workspace is not None:
        more, faults = workspace_layer(workspace)
        layers += more
        problems += faults
    return [*layers, environment_layer(environ), *editor], problems


def _section(settings: object) -> Mapping[str, Any]:
    """Return the tree without the section's name around it, or before each key."""
    if not isinstance(settings, Mapping):
        return {}
    if isinstance(settings.get(SECTION), Mapping):
        inner: Mapping[str, Any] = settings[SECTION]
        return inner
    return {str(key).removeprefix(f"{SECTION}."): value for key, value in settings.items()}


def _read_toml(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Read a file that may be absent; a broken one gives a problem and nothing else."""
    if not path.exists():
        return {}, []
    import tomllib

    try:
        return tomllib.loads(_read_bounded(path).decode()), []
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = "passed over: not UTF-8"
    except tomllib.TOMLDecodeError as error:
        # Only the place: the rest of the message may quote a key.
        fault = "passed over: no valid TOML" + "".join(str(error).rpartition(" (at ")[1:]).rstrip(
            ")"
        ).replace("(", "")
    return {}, [Problem(str(path), fault)]


def _read_bounded(path: Path) -> bytes:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # opening a pipe that a cloned repository brought would wait for ever
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_BYTES} bytes")
    return data
