"""What is found below a folder, and what is passed over: real folders, and where it can be asked the real git."""

import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from backend.dataset_trees import git_files, repository, write
from pilotfish.backend.finetune.dataset.walk import Found, Left, identity, walk

TREE = [
    *(
        "a.py",
        "b.log",
        "build/x.py",
        "src/a.py",
        "src/b.log",
        "src/build/y.py",
        "src/keep/c.log",
        "src/deep/d/e.py",
    ),
    *(
        "docs/a.md",
        "docs/keep.log",
        "docs/gen/z.py",
        "tmp/one/two.py",
        "name with space.py",
        "#hash.py",
        "!bang.py",
    ),
]
RULES = {
    "names": {".gitignore": "*.log\nbuild/\n"},
    "rooted": {".gitignore": "/build\n/src/*.py\n"},
    "taken back": {".gitignore": "*.log\n!keep.log\n!src/keep/\n"},
    "all but some": {".gitignore": "/*\n!/src/\n/src/*\n!/src/deep\n"},
    "a folder that is out stays out": {".gitignore": "docs/\n!docs/keep.log\n"},
    "deeper files say the last word": {".gitignore": "*.py\n", "src/.gitignore": "!*.py\nkeep\n"},
    "a folder taken back does not take back what is in it": {
        ".gitignore": "*.log\n",
        "src/.gitignore": "!keep\n",
    },
    "stars": {".gitignore": "**/deep/**\ndocs/**/z.py\nt?p/*/\n"},
    "what is in a folder": {".gitignore": "src/**\n!src/a.py\n"},
    "escapes": {".gitignore": "\\#hash.py\n\\!bang.py\nname with space.py   \n"},
    "named classes": {
        ".gitignore": "[[:alpha:]].py\n*[[:space:]]*\n![[:digit:][:upper:]]*\n[!#[:alnum:]]*.py\n"
    },
    "tabs at the end are meant": {".gitignore": "*.py\t\nbuild\t \n*.log\n"},
    "many stars": {".gitignore": "*s*c/*.p*\n*e*p/*\n*#*a*s*.*y\nt*m*p\n?o*s/*.*\nn*[a-e]*w*t* s*e.p?\n"},
    "classes": {".gitignore": "[ab].py\nsrc/[!k]*/\n"},
    "windows line ends and a byte order mark": {".gitignore": "\ufeff*.log\r\nbuild/\r\n"},
    "nonsense": {".gitignore": "[z-\n/\n\n# no\n!\n**\n!*/\n!*.md\n"},
    "the repository's own list": {".git/info/exclude": "docs\n"},
}


def seen(root: Path, **how: object) -> tuple[dict[str, Found], Counter[str]]:
    """Files by their paths, and how many were left out for each reason."""
    found: dict[str, Found] = {}
    left: Counter[str] = Counter()
    for each in walk(root, **{"max_size": 10_000, **how}):  # type: ignore[arg-type]
        if isinstance(each, Left):
            left[each.reason] += 1
        else:
            assert each.path not in found
            found[each.path] = each
    return found, left


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git to compare with")
@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_what_git_ignores_is_ignored(tmp_path: Path, rules: dict[str, str]) -> None:
    """The files that are found are those that git itself would add."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, dict.fromkeys(TREE, "x\n") | rules)
    found, left = seen(tmp_path)
    assert set(found) == git_files(tmp_path)
    assert left["ignored"] > 0


def test_patterns_that_are_meant_to_take_for_ever_do_not(tmp_path: Path) -> None:
    """Many stars before names of many of the same letter."""
    hostile = "".join(f"{'*a' * stars}*b\n{'**/a/' * stars}b\n{'?*' * stars}b\n" for stars in range(3, 40))
    write(tmp_path, {".gitignore": hostile, "a" * 250: "x", "a/" * 100 + "c.py": "x"})
    begun = time.monotonic()
    assert len(seen(tmp_path)[0]) == 3
    assert time.monotonic() - begun < 20


def test_each_repository_below_a_source_has_its_own_root(tmp_path: Path) -> None:
    """Paths are relative to the nearest repository's root; rules and licences of another repository don't count."""
    repository(tmp_path / "team" / "one", "https://bob:s3cret@git.example.com:8443/team/one.git")
    repository(tmp_path / "team" / "two", "git@git.example.com:team/two.git")
    write(
        tmp_path / "team",
        {
            "LICENSE": "MIT License\n\nPermission is hereby granted, free of charge, to any person\n"
            "The above copyright notice and this permission notice shall be included\n",
            "loose.py": "x",
            "one/src/a.py": "x",
            "one/.gitignore": "b.py",
            "one/b.py": "x",
            "two/b.py": "x",
            "two/sub/.git": "gitdir: ../.git/modules/sub\n",
            "two/sub/c.py": "x",
            "two/.git/modules/sub/config": '[remote "origin"]\n\turl = ssh://git@git.example.com/team/sub\n',
            "two/.git/modules/sub/HEAD": "ref: refs/heads/main\n",
        },
    )
    found, left = seen(tmp_path / "team")
    places = {(each.repo, path) for path, each in found.items() if path.endswith(".py")}
    assert places == {
        ("team", "loose.py"),
        ("git.example.com/team/one", "src/a.py"),
        ("git.example.com/team/two", "b.py"),
        ("git.example.com/team/sub", "c.py"),
    }
    assert (found["loose.py"].licence, found["src/a.py"].licence) == ("MIT", None)
    assert left == {"ignored": 1}
    assert not [each for each in found.values() if "s3cret" in each.repo]


def test_a_folder_inside_a_repository_follows_its_rules(tmp_path: Path) -> None:
    """A source may be a part of a repository; if that ignores the source, it stands for itself."""
    repository(tmp_path / "app")
    write(
        tmp_path / "app",
        {
            ".gitignore": "*.tmp\n/out/\n",
            "src/.gitignore": "gen\n",
            "src/lib/a.py": "x",
            "src/lib/b.tmp": "x",
            "src/lib/gen/c.py": "x",
            "out/deep/d.tmp": "x",
        },
    )
    found, left = seen(tmp_path / "app" / "src" / "lib")
    assert {(each.repo, each.path) for each in found.values()} == {("app", "src/lib/a.py")}
    assert left == {"ignored": 2}
    found, left = seen(tmp_path / "app" / "out" / "deep")
    assert {(each.repo, each.path) for each in found.values()} == {("deep", "d.tmp")}


def test_links_are_counted_and_not_followed(tmp_path: Path) -> None:
    """A link that leads in a circle, one that leads out, and a dead one; a source that is a link itself is meant."""
    write(tmp_path / "outside", {"secret.py": "x"})
    root = write(tmp_path / "root", {"a/b/c.py": "x"})
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "self").symlink_to("self")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "dead").symlink_to("nowhere")
    (root / "again.py").symlink_to(root / "a" / "b" / "c.py")
    (tmp_path / "named").symlink_to(root)
    for source in (root, tmp_path / "named"):
        found, left = seen(source)
        assert set(found) == {"a/b/c.py"}
        assert left == {"link-loop": 2, "link": 3}


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """Pipes would wait for ever, and a large file is judged by its size alone."""
    os.mkfifo(tmp_path / "pipe.py")
    write(tmp_path, {"good.py": "x", "line\nbreak.py": "x"})
    with (tmp_path / "large.py").open("wb") as large:
        large.truncate(50 << 20)
    found, left = seen(tmp_path)
    assert set(found) == {"good.py"}
    assert left == {"special": 1, "odd-name": 1, "too-large": 1}


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    """Bytes of a name that no text has become the character for that."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_text("x")
    found, _ = seen(tmp_path)
    assert set(found) == {"caf\ufffd.py"}


def test_what_others_wrote_is_left_out_by_its_folder(tmp_path: Path) -> None:
    """Folders of packages, virtual environments by what they hold, and what .gitattributes say, both ways."""
    repository(tmp_path)
    write(
        tmp_path,
        {
            "node_modules/left/index.js": "x",
            "env/pyvenv.cfg": "home = /usr",
            "env/lib/x.py": "x",
            "app/venv/tools.py": "x",
            "vendor/ours/a.go": "x",
            ".gitattributes": "vendor/** -linguist-vendored\ndata/*.py linguist-generated=true\n"
            "*.h linguist-vendored\n",
            "data/table.py": "x",
            "inc/a.h": "x",
            "inc/.gitattributes": "b.h -linguist-vendored\n",
            "inc/b.h": "x",
        },
    )
    found, left = seen(tmp_path)
    assert {path for path in found if "git" not in path} == {
        "app/venv/tools.py",
        "vendor/ours/a.go",
        "inc/b.h",
    }
    assert left == {"vendored": 3, "generated": 1}


def test_the_nearest_licence_counts(tmp_path: Path) -> None:
    """Up to the repository's root; a module called licence is none; an unknown text hides others."""
    repository(tmp_path)
    apache = "Apache License\nVersion 2.0, January 2004\n"
    write(tmp_path, {"LICENSE": apache, "src/licence.py": "x", "src/a.py": "x", "lib/x/a.c": "x"})
    write(tmp_path, {"lib/COPYING": "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"})
    write(
        tmp_path,
        {"two/LICENSE-MIT": "SPDX-License-Identifier: MIT", "two/LICENSE-APACHE": apache, "two/a.rs": "x"},
    )
    write(tmp_path, {"odd/LICENSE.txt": "Ask the boss.", "odd/a.py": "x"})
    found, _ = seen(tmp_path)
    assert found["odd/a.py"].licence is None
    assert found["src/a.py"].licence == found["src/licence.py"].licence == "Apache-2.0"
    assert found["lib/x/a.c"].licence == "GPL-3.0"
    assert found["two/a.rs"].licence == "Apache-2.0 OR MIT"


def test_nothing_of_a_repository_is_run(tmp_path: Path) -> None:
    """What a repository's configuration would have git run is not run, as git is not."""
    traps = '[core]\n\tfsmonitor = touch {0}\n\thooksPath = hooks\n[filter "x"]\n\tclean = touch {0}\n'
    mark = tmp_path / "ran"
    repository(tmp_path / "app", config=traps.format(mark))
    write(tmp_path / "app", {".gitattributes": "* filter=x\n", "a.py": "x"})
    assert set(seen(tmp_path / "app")[0]) == {".gitattributes", "a.py"}
    assert not mark.exists()


def test_some_folders_are_passed_over_in_silence(tmp_path: Path) -> None:
    """The folder that is being written is no source."""
    write(tmp_path, {"a.py": "x", "out/b.py": "x"})
    out = identity(tmp_path / "out")
    assert out is not None
    found, left = seen(tmp_path, skip=frozenset((out,)))
    assert set(found) == {"a.py"}
    assert not left


@pytest.mark.parametrize(
    "text", ["gitdir: a\0b\n", "gitdir: loop\n", f"gitdir: {'a' * 5000}\n", "gitdir: odd\n"]
)
def test_a_work_tree_that_names_no_place_is_one_still(tmp_path: Path, text: str) -> None:
    """What no path can be, a circle of links, and a place that names such a one."""
    (tmp_path / "loop").symlink_to("loop")
    write(tmp_path, {".git": text, "odd/commondir": "\0", "odd/.gitignore": "*", "src/a.py": "x"})
    found, _ = seen(tmp_path / "src")
    assert {(each.repo, each.path) for each in found.values()} == {(tmp_path.name, "src/a.py")}


def test_no_line_break_comes_in_by_a_folder_above_the_source(tmp_path: Path) -> None:
    """It would end the line that names the file; C1 controls are for terminals."""
    repository(tmp_path)
    write(tmp_path, {"odd\nname/src/a.py": "x", "src/a\x9b.py": "x"})
    assert seen(tmp_path / "odd\nname" / "src") == ({}, Counter({"odd-name": 1}))
    assert seen(tmp_path / "src") == ({}, Counter({"odd-name": 1}))
    write(tmp_path, {"top/odd\nname/a.py": "x", "top/odd\nname/b.py": "x"})
    assert seen(tmp_path / "top") == ({}, Counter({"odd-name": 1}))  # the folder, once


def test_histories_are_no_sources(tmp_path: Path) -> None:
    """Neither what a version control keeps beside the files, nor a repository that has no work tree."""
    write(
        tmp_path, {"src/a.py": "x", ".svn/pristine/ab/ab12.svn-base": "x", "src/.hg/store/00manifest.i": "x"}
    )
    write(
        tmp_path / "app.git",
        {"HEAD": "ref: refs/heads/main\n", "config": "", "objects/ab/cd": "x", "refs/heads/main": "x"},
    )
    found, left = seen(tmp_path)
    assert set(found) == {"src/a.py"}
    assert left == {"bare": 1}
    assert seen(tmp_path / "app.git") == ({}, Counter({"bare": 1}))


def test_a_folder_that_is_left_out_is_named(tmp_path: Path) -> None:
    """By its repository and its path there; a file is only counted."""
    repository(tmp_path / "app")
    write(
        tmp_path / "app",
        {".gitignore": "build/\n*.log\n", "src/build/x.py": "x", "src/vendor/y.py": "y", "a.log": "z"},
    )
    left = {
        (each.reason, each.repo, each.path) for each in walk(tmp_path, max_size=100) if isinstance(each, Left)
    }
    assert left == {
        ("ignored", "app", "src/build"),
        ("vendored", "app", "src/vendor"),
        ("ignored", "", ""),
    }


def test_what_attributes_say(tmp_path: Path) -> None:
    """The repository's own list counts too; off is off in all its spellings, and what is no pattern marks nothing."""
    repository(tmp_path)
    attributes = """\
*.py linguist-vendored
on.py linguist-vendored=false
zero.py linguist-vendored=0
minus.py -linguist-vendored
unset.py !linguist-vendored
vendor/** linguist-vendored
!a.c linguist-generated
[attr]b.c linguist-generated
"""
    names = ("x.py", "on.py", "zero.py", "minus.py", "unset.py", "vendor/a.c", "vendor/b.c", "a.c", "ab.c")
    write(tmp_path, {".git/info/attributes": attributes, **dict.fromkeys(names, "x")})
    found, left = seen(tmp_path)
    assert set(found) == {"on.py", "zero.py", "minus.py", "unset.py", "a.c", "ab.c"}
    assert left == {"vendored": 2}


def test_rules_and_licences_that_are_links_are_not_read(tmp_path: Path) -> None:
    """They may lead anywhere, and git does not follow them either."""
    write(tmp_path, {"rules": "*.py\n", "licence": "SPDX-License-Identifier: MIT", "app/a.py": "x"})
    (tmp_path / "app" / ".gitignore").symlink_to("../rules")
    (tmp_path / "app" / "LICENSE").symlink_to("../licence")
    found, left = seen(tmp_path / "app")
    assert {path: each.licence for path, each in found.items()} == {"a.py": None}
    assert left == {"link": 2}


def test_a_second_work_tree_is_of_the_same_repository(tmp_path: Path) -> None:
    """Its origin, and the list of what is ignored, are the first one's."""
    repository(tmp_path / "app", "https://git.example.com/team/app")
    write(
        tmp_path,
        {
            "app/.git/info/exclude": "*.log\n",
            "app/.git/worktrees/two/commondir": "../..\n",
            "two/.git": f"gitdir: {tmp_path}/app/.git/worktrees/two\n",
            "two/a.py": "x",
            "two/b.log": "x",
        },
    )
    found, left = seen(tmp_path / "two")
    assert {(each.repo, each.path) for each in found.values()} == {("git.example.com/team/app", "a.py")}
    assert left == {"ignored": 1}


def test_a_file_of_just_the_size_is_taken(tmp_path: Path) -> None:
    """Of one byte more it is too large."""
    write(tmp_path, {"a.py": "x" * 10, "b.py": "x" * 11})
    found, left = seen(tmp_path, max_size=10)
    assert (set(found), left) == ({"a.py"}, {"too-large": 1})


def test_a_folder_that_is_ignored_has_no_size(tmp_path: Path) -> None:
    """What is in it is not looked at; of a file that is ignored its own size counts."""
    write(tmp_path, {".gitignore": "out/\n*.log\n", "out/a.py": "x", "b.log": "xxx"})
    left = [each for each in walk(tmp_path, max_size=100) if isinstance(each, Left)]
    assert sorted((each.reason, each.size) for each in left) == [("ignored", 0), ("ignored", 3)]
