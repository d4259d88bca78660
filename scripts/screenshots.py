"""Makes the README's pictures of editors, each out of the real editor with the real model: screenshots.py [EDITOR …].

An editor's scene is `tests/harness/scene_EDITOR.py`: it draws into the file that it is given.
"""

import importlib
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from harness.editor_world import World  # noqa: E402  # the tests' folder must be on the path first
from harness.pictures import LARGEST  # noqa: E402

EDITORS = ("vscode", "neovim", "helix")


def main(editors: list[str]) -> int:
    """Draw these editors' scenes."""
    unknown = set(editors) - set(EDITORS)
    if unknown:
        print(
            f"there is no scene of {', '.join(sorted(unknown))}; there are {', '.join(EDITORS)}",
            file=sys.stderr,
        )
        return 2
    folder = ROOT / "docs/images"
    folder.mkdir(exist_ok=True)
    for editor in editors or EDITORS:
        path = folder / f"{editor}.png"
        with tempfile.TemporaryDirectory() as home, World(Path(home)) as world:
            importlib.import_module(f"harness.scene_{editor}").draw(world, path)
        size = path.stat().st_size
        print(f"{path.relative_to(ROOT)}: {size} bytes")
        if size > LARGEST:
            print(f"{path.name} is larger than {LARGEST} bytes", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
