"""``pilotfish-backend pull`` and ``pilotfish-backend models``."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .catalogue import CATALOGUE, DEFAULT_MODEL, Model, find_model
from .errors import ModelError
from .progress import readable, shown_on
from .pull import pull_model
from .store import Store


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to the parser of ``pilotfish-backend``.

    Whoever calls them sets ``arguments.cache_dir`` to a ``Path`` or None (the user's own cache).
    """
    puller = commands.add_parser(
        "pull",
        help="bring a model to this machine",
        description="Download a model, check its hash, and keep it where the local backend finds it.",
    )
    puller.add_argument(
        "model",
        nargs="?",
        default=DEFAULT_MODEL,
        metavar="MODEL",
        help="one of those that 'models' lists (default: %(default)s)",
    )
    puller.add_argument("--yes", action="store_true", help="accept the model's licence without being asked")
    lister = commands.add_parser(
        "models",
        help="list the models that can be pulled",
        description="List the models that can be pulled, with sizes and licences, and which are here.",
    )
    lister.add_argument("--json", action="store_true", help="print one JSON object")


def pull(arguments: argparse.Namespace) -> int:
    """Pull ``arguments.model`` into ``arguments.cache_dir``; ask first if its licence is not an open one."""
    try:
        model = find_model(arguments.model)
        if not model.open_licence and not arguments.yes and not _accepted(model):
            return 1
        with shown_on(sys.stderr) as progress:
            pulled = pull_model(model, cache_dir=_cache_dir(arguments), progress=progress)
    except ModelError as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        _say("pilotfish-backend: stopped. Nothing half done was left; pull again to go on.")
        return 130
    path, manifest = pulled.model.path, pulled.manifest
    _say(f"{model.name} is {'already here' if pulled.was_here else 'here'}: {path}")
    _say(f"{readable(manifest.bytes)}, licence {manifest.licence}, sha256 {manifest.sha256} (checked)")
    return 0


def show_models(arguments: argparse.Namespace) -> int:
    """List the catalogue: a table for people, or with ``arguments.json`` an object for programs."""
    rows = list_models(_cache_dir(arguments))
    try:
        if arguments.json:
            sys.stdout.write(json.dumps({"default": DEFAULT_MODEL, "models": rows}, indent=2) + "\n")
        else:
            _show_table(rows)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _show_table(rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("model", "download", "licence", "context", "FIM", "from", "here"):
        table.add_column(title, justify="right" if title in {"download", "context"} else "left", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"] + (" (default)" if row["default"] else ""),
            readable(row["size"]),
            row["licence"],
            f"{row['context']:,}",
            "yes" if row["fim"] else "no",
            row["source"],
            "yes" if row["present"] else "no",
        )
    width = None if sys.stdout.isatty() else 200
    Console(file=sys.stdout, width=width, highlight=False).print(table)
    sys.stdout.write("Any other GGUF can be served by its path: pilotfish-backend serve --model FILE.gguf\n")


def list_models(cache_dir: Path | None) -> Sequence[dict[str, Any]]:
    """One object for each model of the catalogue; ``size`` is bytes to download, ``bytes`` those of the file here."""
    store = Store.under(cache_dir)
    rows = []
    for model in CATALOGUE.values():
        manifest = store.manifest(model.name)
        rows.append(
            {
                "name": model.name,
                "size": model.bytes,
                "licence": model.licence,
                "open_licence": model.open_licence,
                "context": model.context,
                "fim": model.fim,
                "source": str(model.source),
                "requantised": model.requantised,
                "present": manifest is not None,
                "path": None if manifest is None else str(store.file(model.name)),
                "bytes": None if manifest is None else manifest.bytes,
                "sha256": None if manifest is None else manifest.sha256,
                "default": model.name == DEFAULT_MODEL,
            }
        )
    return rows


def _cache_dir(arguments: argparse.Namespace) -> Path | None:
    cache_dir: Path | None = getattr(arguments, "cache_dir", None)
    return cache_dir


def _accepted(model: Model) -> bool:
    """Ask a person; without one, say how to answer."""
    _say(
        f"{model.name} comes under the licence {model.licence} of its makers, which does not allow every use."
    )
    if not sys.stdin.isatty():
        _say(f"Read it, then accept it: pilotfish-backend pull {model.name} --yes")
        return False
    sys.stderr.write("Do you accept it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
