"""The environment for programs that we start: nothing in it lets a workspace run code in them. Pure."""

import os
from collections.abc import Mapping
from pathlib import PurePath

KEPT_PYTHON = frozenset({"PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE", "PYTHONNOUSERSITE"})
"""What may stay of Python's variables; the rest names folders, modules or programs."""
DROPPED = frozenset({"__PYVENV_LAUNCHER__", "PILOTFISH_BACKEND_API_KEY", "PILOTFISH_BACKEND_API_KEY_COMMAND"})


def clean_environment(environ: Mapping[str, str], *, workspace: PurePath | None = None) -> dict[str, str]:
    """Copy an environment for a Python program of ours.

    Tools that set variables by folder (direnv, an editor's terminal) may have put the workspace into ``PYTHONPATH`` or
    ``PATH``; a module or program of the workspace's must not run with us.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name not in DROPPED and (not name.startswith("PYTHON") or name in KEPT_PYTHON)
    }
    # A script's own folder and the working directory stay off sys.path.
    return {**kept, "PATH": safe_path(environ.get("PATH", ""), workspace), "PYTHONSAFEPATH": "1"}


def safe_path(path: str, workspace: PurePath | None) -> str:
    """Drop the entries of a ``PATH`` that are relative or lie in the workspace."""
    entries = (PurePath(entry) for entry in path.split(os.pathsep) if entry)
    safe = (entry for entry in entries if entry.is_absolute() and not _within(entry, workspace))
    return os.pathsep.join(map(str, safe))


def _within(entry: PurePath, workspace: PurePath | None) -> bool:
    return workspace is not None and entry.is_relative_to(workspace)
