"""The documents: links lead somewhere, and nothing speaks of the machine that it was written on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The fragments that headings of a document have on code hosts."""
    headings = HEADING.findall(FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file in the repository, and every fragment a heading in it."""
    broken = []
    for link in LINK.findall(FENCE.sub("", path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_settings_reference_is_up_to_date() -> None:
    """Every setting with its default and meaning is in docs/settings.md, as lsp/settings.py has it."""
    script = ROOT / "scripts" / "settings_reference.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def tracked_files() -> list[Path]:
    """The files that git knows or would add; without git, those in the folders that are ours."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, timeout=30,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        folders = (".ci", "backend", "bench", "docs", "lsp", "scripts", "tests", "typings")
        found = [*ROOT.glob("*"), *(path for name in folders for path in (ROOT / name).rglob("*"))]
        return [path for path in found if path.is_file() and path.suffix != ".pyc"]
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


# Written in two parts each, so that this file does not name them.
PLACES = [
    *("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "crates" + ".io"),
    *("/wo" + "rk/main", "/wo" + "rk/shared", "/wo" + "rk/."),
    *("/opt/py" + "pi", "/opt/wh" + "eels", "../sha" + "red", "/tmp/pl" + "an"),
]
ADMINISTRATORS_HOME = re.compile(r"(?<![\w}])/ro" + "ot/")
"""A folder of that name inside another one, such as ``$dir/…``, is anybody's."""


def test_nothing_names_a_registry_or_the_machine_it_was_written_on() -> None:
    """Where packages come from is a matter of pip's configuration, and no path of ours is anybody else's."""
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {place}" for place in PLACES if place in text]
        found += [f"{path.relative_to(ROOT)}: {place}" for place in ADMINISTRATORS_HOME.findall(text)]
    assert not found
