"""``pilotfish-backend dataset``: what it understands and what it says."""

import argparse
import sys
from pathlib import Path

from pilotfish.backend.argument_types import positive
from pilotfish.backend.models.progress import shown_on

from .options import MAX_FILE_SIZE, VALIDATION, DatasetOptions


def add_dataset(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of ``pilotfish-backend``."""
    dataset = commands.add_parser("dataset", help="make a data set out of source trees, to fine-tune on")
    actions = dataset.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    build = actions.add_parser(
        "build",
        help="collect, clean and split sources",
        description="Collect source files, leave out what is not to be learned, and split the rest into training and "
        "validation.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_NOTES,
    )
    add = build.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SRC",
        help="a folder with repositories or sources, a .csv, .txt, .json or .jsonl file, or a data set on the hub "
        "(MAKER/NAME)",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="the data set's folder")
    add(
        "--validation",
        type=_share,
        default=VALIDATION,
        metavar="SHARE",
        help="part of the files that is held out (default: %(default)s; 0: none)",
    )
    add(
        "--max-file-size",
        type=positive,
        default=MAX_FILE_SIZE,
        metavar="BYTES",
        help="larger files are left out (default: %(default)s)",
    )
    add(
        "--text-column",
        default="text",
        metavar="NAME",
        help="where rows have their text (default: %(default)s)",
    )
    add("--seed", type=int, default=0, metavar="N", help="another seed, another split (default: %(default)s)")
    add("--force", action="store_true", help="replace a data set that is there, once the new one is whole")


_NOTES = """\
DIR gets train.jsonl and validation.jsonl, with text, path, repo, licence and sha in each line, and report.json. A text
begins with the line that names its file in the prompts of the language server.

Links are not followed, git is not run, and nothing in a source is executed. Files that hold secrets are left out; the
report names the line and the kind, never the secret. The same sources give the same bytes.

DIR is written beside its place and renamed when it is whole: a run that fails or is killed leaves it as it was. Exit
status: 0 done, 1 can't be done, 130 interrupted."""


def run_dataset(options: argparse.Namespace) -> int:
    """Build; the exit status: 0 done, 1 it can't be done, 130 interrupted."""
    from .build import build
    from .options import DatasetError
    from .processes import usable_processors
    from .report import report_lines

    asked = asked_of(options, usable_processors())
    try:
        with shown_on(sys.stderr) as progress:
            report = build(asked, progress)
    except DatasetError as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        _say(f"pilotfish-backend: stopped. {asked.out} is as it was.")
        return 130
    for line in report_lines(report):
        _say(line)
    _say(f"Train on it: pilotfish-backend finetune BASE --data {asked.out} --out MODEL")
    return 0


def asked_of(options: argparse.Namespace, processes: int) -> DatasetOptions:
    """What the command line asks for."""
    return DatasetOptions(
        sources=tuple(options.sources),
        out=options.out,
        validation=options.validation,
        max_file_size=options.max_file_size,
        text_column=options.text_column,
        seed=options.seed,
        force=options.force,
        processes=processes,
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1 (1 excluded)")
    return value


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
