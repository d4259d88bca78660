"""Prompts: what goes in, where they begin, and that their start stands still."""

import itertools
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotfish.lsp.context import Cursor, Prompt, Style, build_prompt, shift_anchor, warm_prompt
from pilotfish.lsp.documents import TextBuffer, split_lines
from pilotfish.lsp.windows import LIMIT

SMALL = Style(prompt_chars=400, import_chars=60)
FIM = Style(fim=True, prompt_chars=400, suffix_chars=60, import_chars=60)
LINE_START = Style(fim=True, line_start_fim=True, prompt_chars=400, suffix_chars=60, import_chars=60)

WORDS = [
    "def f(x):",
    "    return x",
    "import os",
    "from a import b",
    "class C:",
    "",
    "    if x:",
    "        y = x + 1",
]
FILES = st.lists(st.sampled_from([*WORDS, "x" * 60, "    # 😀 comment", "}", "\tz"]), min_size=0, max_size=60)
LONG_FILES = st.lists(
    st.sampled_from([*WORDS, "x" * 60, "    # 😀 comment", "}", "\tz"]), min_size=60, max_size=120
)


def prompt(
    text: str,
    *,
    style: Style = SMALL,
    anchor: int | None = None,
    path: str = "pkg/mod.py",
    language: str = "python",
) -> Prompt:
    """Build the prompt for a text in which ``|`` marks the cursor."""
    before, after = text.split("|")
    lines = split_lines(before + after)
    cursor = Cursor(len(split_lines(before)) - 1, len(split_lines(before)[-1]))
    return build_prompt(lines, cursor, path=path, language=language, anchor=anchor, style=style)


def typed(text: str, style: Style) -> Iterator[Prompt]:
    """Type a text key by key at the end of an empty document, as an editor and the server would."""
    buffer, anchor = TextBuffer(), None
    for key in text:
        end = buffer.cursor(10**9, 0)
        edit = buffer.replace(end, end, key)
        if anchor is not None:
            anchor = shift_anchor(
                anchor, first_line=edit.first_line, last_line=edit.last_line, new_lines=edit.new_lines
            )
        made = build_prompt(
            buffer.lines, edit.new_end, path="m.py", language="python", anchor=anchor, style=style
        )
        anchor = made.anchor
        yield made


@pytest.mark.parametrize(
    ("language", "path", "header"),
    [
        ("python", "pkg/mod.py", "# Path: pkg/mod.py\n"),
        ("typescript", "a.ts", "// Path: a.ts\n"),
        ("lua", "a.lua", "-- Path: a.lua\n"),
        ("css", "a.css", "/* Path: a.css */\n"),
        ("HTML", "a.html", "<!-- Path: a.html -->\n"),
        ("never-heard-of", "a.x", "# Path: a.x\n"),
        ("python", "", ""),
    ],
)
def test_header(language: str, path: str, header: str) -> None:
    """The first line names the path in the language's comment syntax, unless there is none."""
    assert prompt("x|", path=path, language=language).prefix == header + "x"


@pytest.mark.parametrize(
    ("text", "end", "owed"),
    [
        ("x = |", "\nx =", " "),
        ("x =  |", "\nx = ", " "),
        ("x =|", "\nx =", ""),
        ("if x:\n    |", "\nif x:\n   ", " "),
        ("if x:\n |\n", "\nif x:\n", " "),
        ("if x:\n\t\t|", "\nif x:\n\t", "\t"),
        ("if x:\n|", "\nif x:\n", ""),
        ("x\t|", "\nx\t", ""),
        ("|", "mod.py\n", ""),
        ('x = "😀 |"', '\nx = "😀', " "),
    ],
)
def test_owed(text: str, end: str, owed: str) -> None:
    """One space at the prompt's end, or one tab of an indentation, is left for the model to write."""
    made = prompt(text)
    assert made.prefix.endswith(end)
    assert made.owed == owed
    at_line_start = prompt(text, style=LINE_START)
    assert at_line_start.prefix + at_line_start.middle == made.prefix
    assert at_line_start.owed == owed


@pytest.mark.parametrize(
    ("text", "end", "owed"),
    [
        ("if x:\n    |", "\nif x:\n    ", ""),
        ("if x:\n\t|", "\nif x:\n\t", ""),
        ("if x:\n |\n", "\nif x:\n", " "),
        ("x =  |", "\nx =  ", ""),
        ("x = |", "\nx =", " "),
    ],
)
def test_owed_where_runs_of_blanks_are_tokens(text: str, end: str, owed: str) -> None:
    """Such a tokenizer joins only a single space with the word that follows: all other blanks stay."""
    made = prompt(text, style=Style(whole_indents=True))
    assert made.prefix.endswith(end)
    assert made.owed == owed


def test_line_ends() -> None:
    r"""A document with CRLF, or with lone CR, becomes a prompt with ``\n`` on either side of the cursor."""
    made = prompt("a = 1\r\nb =|\r\nc = 3\r\n", style=FIM)
    assert made.prefix.endswith(".py\na = 1\nb =")
    assert made.suffix == "\nc = 3\n"
    assert prompt("a\rb|\rc", style=FIM).suffix == "\nc"


def test_lines_without_ends() -> None:
    """Lines may also come without their ends."""
    cursor = Cursor(1, 1)
    with_ends = build_prompt(["a\n", "b\n", ""], cursor, path="p", language="go", anchor=None, style=FIM)
    assert with_ends == build_prompt(["a", "b", ""], cursor, path="p", language="go", anchor=None, style=FIM)


@pytest.mark.parametrize(
    ("cursor", "end"),
    [(Cursor(9, 9), "b"), (Cursor(0, 9), "\na"), (Cursor(-1, 0), ".py\n"), (Cursor(1, -1), "a\n")],
)
def test_cursor_outside(cursor: Cursor, end: str) -> None:
    """A cursor outside of the text is moved to the nearest place inside."""
    made = build_prompt(["a\n", "b"], cursor, path="m.py", language="python", anchor=None, style=SMALL)
    assert made.prefix.endswith(end)


def test_no_lines() -> None:
    """A document of no lines at all is an empty one."""
    assert build_prompt([], Cursor(0, 0), path="", language="", anchor=3, style=FIM).prefix == ""
    assert warm_prompt([], path="", language="", style=SMALL) == ("\n", 0)


def test_what_utf8_cannot_carry() -> None:
    """Half surrogate pairs, which editors can send, and NUL do not end up in the request."""
    made = prompt("a\ud83d\x00|\ude00", style=FIM)
    assert made.prefix.endswith("a\ufffd\ufffd")
    assert made.suffix == "\ufffd"


def test_left_to_right_has_no_suffix() -> None:
    """A model without fill-in-the-middle gets none."""
    assert prompt("a|b\nc").suffix is None


def test_suffix() -> None:
    """The suffix is the rest of the line and whole lines below, and the lines do not depend on the rest."""
    below = "".join(f"line {number:02}\n" for number in range(20))
    kept = "\n" + "\n".join(below.splitlines()[:7])
    assert prompt("f(|\n" + below, style=FIM).suffix == kept
    assert prompt("f(|)\n" + below, style=FIM).suffix == ")" + kept
    assert prompt("f(|", style=FIM).suffix == ""
    assert prompt("f(|\n" + "y" * 500 + "\nz", style=FIM).suffix == "\n" + "y" * 60
    assert prompt("f(|" + "y" * 500 + "\nz", style=FIM).suffix == "y" * 30 + "\nz"


def test_line_start_fim() -> None:
    """With ``fim_middle``, only complete lines stand before the hole, so that the suffix need not be evaluated anew."""
    one, two = prompt("a\nreturn |x\nb", style=LINE_START), prompt("a\nreturn f|x\nb", style=LINE_START)
    assert one.prefix == two.prefix == "# Path: pkg/mod.py\na\n"
    assert one.suffix == two.suffix == "x\nb"
    assert (one.middle, two.middle) == ("return", "return f")


def test_pinned_imports() -> None:
    """Imports that the window has left behind stay in the prompt, right after the path."""
    text = "import os\nfrom a import (\n    b,\n)\nx = 1\n" + "".join(
        f"y = {number}\n" for number in range(100)
    )
    made = prompt(text + "z|")
    assert made.anchor > 4
    assert made.prefix.startswith("# Path: pkg/mod.py\nimport os\nfrom a import (\n    b,\n)\ny = ")


def test_window_begins_well() -> None:
    """A window that is cut anew begins where a definition does, if there is one to choose."""
    blocks = "".join(f"def f{number}(x):\n    y = x + {number}\n    return y\n\n\n" for number in range(60))
    assert prompt(blocks + "z|").prefix.startswith("# Path: pkg/mod.py\ndef f")
    pairs = "".join(f"a = {number:03}\nb = {number:03}\n\n" for number in range(60))
    for more in range(0, 24, 4):
        assert prompt(pairs + "z\n" * more + "z|").prefix.startswith("# Path: pkg/mod.py\na = ")


def test_short_of_context() -> None:
    """A cursor that moved up to just below the anchor gets another window, since there is text above."""
    lines = [f"line {number}\n" for number in range(200)]
    first = build_prompt(lines, Cursor(150, 0), path="", language="", anchor=None, style=SMALL)
    moved = build_prompt(
        lines, Cursor(first.anchor + 3, 0), path="", language="", anchor=first.anchor, style=SMALL
    )
    assert moved.anchor < first.anchor
    above = build_prompt(
        lines, Cursor(first.anchor - 1, 0), path="", language="", anchor=first.anchor, style=SMALL
    )
    assert above.anchor < first.anchor - 10


@pytest.mark.parametrize("anchor", [-1, 99, 10**9])
def test_senseless_anchor(anchor: int) -> None:
    """An anchor that does not fit the document counts as none."""
    assert prompt("a\nb|", anchor=anchor) == prompt("a\nb|")


@pytest.mark.parametrize("style", [SMALL, FIM], ids=["plain", "fim"])
@settings(max_examples=25, deadline=None)
@given(lines=LONG_FILES)
def test_start_stands_still(lines: list[str], style: Style) -> None:
    """While one types, each prompt begins with the one before, until the window moves on.

    Then it begins with what was announced as ``recut``, and it leaves room for about half a budget of typing.
    """
    last: Prompt | None = None
    moved_at = 0
    for keys, made in enumerate(typed("\n".join(lines), style)):
        assert len(made.prefix) <= LIMIT * style.prompt_chars
        if last is not None and last.anchor == made.anchor:
            assert made.prefix.startswith(last.prefix)
        elif last is not None:
            assert last.recut is not None
            assert made.prefix.startswith(last.recut)
            assert moved_at == 0 or keys - moved_at > 0.3 * style.prompt_chars
            moved_at = keys
        if last is not None and last.recut and made.recut and last.anchor == made.anchor:
            assert made.recut.startswith(last.recut), "what was warmed stays of use"
        last = made


@settings(max_examples=25, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(["def f(x):", "", "    a = b", "w" * 90, "w " * 120]), min_size=12, max_size=30
    )
)
def test_long_lines_break_no_promise(lines: list[str]) -> None:
    """Among lines that are long for the budget less may be announced, but what is announced is what comes."""
    last: Prompt | None = None
    moved_at = 0
    for keys, made in enumerate(typed("\n".join(lines), SMALL)):
        assert len(made.prefix) <= LIMIT * SMALL.prompt_chars
        if last is not None and last.recut is not None:
            assert (made.prefix if last.anchor != made.anchor else made.recut or "").startswith(last.recut)
        if last is not None and last.anchor != made.anchor:
            assert moved_at == 0 or keys - moved_at > 0.3 * SMALL.prompt_chars
            moved_at = keys
        last = made


@settings(max_examples=15, deadline=None)
@given(lines=LONG_FILES)
def test_line_start_stands_still(lines: list[str]) -> None:
    """The same with ``fim_middle``: the prefix changes only by whole lines."""
    last: Prompt | None = None
    for made in typed("\n".join(lines), LINE_START):
        assert len(made.prefix + made.middle) <= LIMIT * LINE_START.prompt_chars
        if last is not None and last.anchor == made.anchor:
            assert made.prefix.startswith(last.prefix)
        elif last is not None:
            assert last.recut is not None
            assert made.prefix.startswith(last.recut)
        last = made


def test_coming_window_is_announced_early() -> None:
    """The coming window's start is known long before it is used, and grows with each finished line."""
    text = "".join(f"    value_{number} = compute({number})\n" for number in range(40))
    prompts = list(typed(text, SMALL))
    moves = [at for at, (one, two) in enumerate(itertools.pairwise(prompts)) if one.anchor != two.anchor]
    assert len(moves) >= 3
    for at in moves:
        announced = [made.recut for made in prompts[at - 80 : at + 1]]
        assert None not in announced
        assert len(set(announced)) >= 3
        missing = len(prompts[at + 1].prefix) - len(announced[-1] or "")
        assert missing <= 40, "all but the current line was announced"


@settings(max_examples=60, deadline=None)
@given(lines=FILES, line=st.integers(0, 60), column=st.integers(0, 60))
def test_warm_prompt(lines: list[str], line: int, column: int) -> None:
    """What is warmed when a file is opened is how every prompt in it begins, up to where it ends."""
    content = [text + "\n" for text in lines] + [""]
    warm, anchor = warm_prompt(content, path="m.py", language="python", style=SMALL)
    made = build_prompt(
        content, Cursor(line, column), path="m.py", language="python", anchor=anchor, style=SMALL
    )
    fits = len("# Path: m.py\n" + "".join(content) + "\n") <= LIMIT * SMALL.prompt_chars
    if fits or made.anchor == anchor:
        assert warm.startswith(made.prefix) or made.prefix.startswith(warm)
    if fits:
        assert warm.startswith(made.prefix), "the whole file is warm"


@pytest.mark.parametrize("style", [SMALL, LINE_START], ids=["plain", "line-start"])
def test_one_endless_line(style: Style) -> None:
    """Within a line that is longer than the budget the start moves in steps, announced before."""
    last: Prompt | None = None
    starts = 0
    for made in typed("word, " * 400, style):
        text = made.prefix + made.middle
        assert len(text) <= LIMIT * style.prompt_chars
        if last is not None and not text.startswith(last.prefix + last.middle):
            starts += 1
            assert style is LINE_START or (last.recut and text.startswith(last.recut))
        last = made
    assert 8 <= starts <= 13


@settings(max_examples=150, deadline=None)
@given(
    lines=st.integers(1, 8),
    anchor=st.integers(1, 8),
    start=st.tuples(st.integers(0, 8), st.integers(0, 3)),
    end=st.tuples(st.integers(0, 8), st.integers(0, 3)),
    text=st.text("x\n", max_size=4),
)
def test_shift_anchor(
    lines: int, anchor: int, start: tuple[int, int], end: tuple[int, int], text: str
) -> None:
    """An anchor follows its line through an edit, and is given up only when that line is replaced from above."""
    buffer = TextBuffer("".join(f"{number}:\n" for number in range(lines)))
    anchor = min(anchor, lines)
    marked = buffer.lines[anchor]
    edit = buffer.replace(Cursor(*start), Cursor(*end), text)
    moved = shift_anchor(
        anchor, first_line=edit.first_line, last_line=edit.last_line, new_lines=edit.new_lines
    )
    if not edit.first_line <= anchor <= edit.last_line:
        assert moved is not None
        assert buffer.lines[moved] == marked
    elif edit.first_line < anchor:
        assert moved is None
    else:
        assert moved == anchor


def test_first_line_stays_an_anchor() -> None:
    """A line put before the first one belongs to the window, too."""
    assert shift_anchor(0, first_line=0, last_line=-1, new_lines=1) == 0


def test_recut_survives_edits_above() -> None:
    """Lines put in above the window move the anchor with its text, so that the prompt stays."""
    buffer = TextBuffer("".join(f"line {number}\n" for number in range(200)))
    first = build_prompt(buffer.lines, Cursor(150, 3), path="", language="", anchor=None, style=SMALL)
    edit = buffer.replace(Cursor(0, 0), Cursor(0, 0), "x\ny\n")
    anchor = shift_anchor(
        first.anchor, first_line=edit.first_line, last_line=edit.last_line, new_lines=edit.new_lines
    )
    again = build_prompt(buffer.lines, Cursor(152, 3), path="", language="", anchor=anchor, style=SMALL)
    assert again.prefix == first.prefix


@pytest.mark.parametrize("line", [0, 30_000, 59_999])
def test_large_file(line: int) -> None:
    """In a file of 2.3 MB a prompt takes well under a millisecond, wherever the cursor is."""
    lines = split_lines("    return some_function(argument, 1)\n" * 60_000)
    started = time.perf_counter()
    for _ in range(50):
        build_prompt(lines, Cursor(line, 20), path="m.py", language="python", anchor=None, style=Style())
    assert (time.perf_counter() - started) / 50 < 0.005


def test_large_line() -> None:
    """In a line of 1 MB, too."""
    lines = ["a\n", "x, " * 350_000 + "\n", "b"]
    started = time.perf_counter()
    for column in range(900_000, 900_050):
        made = build_prompt(lines, Cursor(1, column), path="m.py", language="python", anchor=1, style=FIM)
    assert (time.perf_counter() - started) / 50 < 0.005
    assert len(made.prefix) <= LIMIT * FIM.prompt_chars
