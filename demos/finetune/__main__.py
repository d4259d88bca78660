"""Shows fine-tuning: `make demo-finetune`, or `make demo-finetune ARGS="--seed 3 --json demo-finetune.json"`.

A small CodeGen learns from public code, and is then tuned on the sources of a company that uses a library of its own;
the editor's ghost text is asked for at ten places before and after. Exit status: 0 the ghost text knows the library
now, 1 it does not, or something failed, 130 interrupted.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from finetune.commands import StageError, Stages
from finetune.screen import Screen
from finetune.show import Recipe, Report, demonstrate
from harness.environment import isolated
from harness.triton import TritonError, missing

_WIDTH = 140


def main() -> int:
    """Run; the exit status."""
    from rich.console import Console

    options = _parser().parse_args()
    # A file or a pipe has room for both sides.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH
    screen = Screen(Console(width=width))
    if reason := missing():
        screen.say(f"demo-finetune: {reason}")
        return 1
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _folder(options.keep) as folder:
            return _run(folder, options, screen)
    except (StageError, TritonError) as error:
        screen.stop()
        screen.say(f"demo-finetune: {error}")
        return 1
    except KeyboardInterrupt:
        screen.stop()
        screen.say("demo-finetune: stopped")
        return 130
    finally:
        screen.stop()


def _run(folder: Path, options: argparse.Namespace, screen: Screen) -> int:
    # torch makes a folder for temporary files when it is imported, and leaves it.
    (folder / "tmp").mkdir()
    environment = isolated(folder / "home", TMPDIR=str(folder / "tmp"))
    stages = Stages(folder / "log.txt", environment, screen.begin, screen.tell)
    recipe = Recipe(seed=options.seed)
    report = demonstrate(folder, recipe, stages)
    return conclude(report, recipe, stages.seconds, options, screen)


def conclude(
    report: Report, recipe: Recipe, seconds: dict[str, float], options: argparse.Namespace, screen: Screen
) -> int:
    """Show what came out, and write it where that was asked for; the exit status."""
    screen.outcomes(report.outcomes)
    screen.summary(report.outcomes, report.score, seconds, report.order)
    if options.json is not None:
        options.json.write_text(report.text(recipe, seconds), "utf-8")
    if options.svg is not None:
        from finetune.picture import svg

        options.svg.write_text(svg(report.outcomes), "utf-8")
    for failure in report.score.failures:
        screen.say(f"demo-finetune: below the bar: {failure}")
    return 1 if report.score.failures else 0


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Where everything goes: a folder that is removed at the end, or the one that the user named."""
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="pilotfish-demo-") as folder:
        yield Path(folder).resolve()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo-finetune", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument(
        "--seed", type=int, default=0, help="of the model, the private tree and the order of training"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came out to FILE too")
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="draw some call sites into FILE, as a picture"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="work in DIR, which must be new, and leave it there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
