"""When to ask, for how much, and how soon."""

import itertools

import pytest

from pilotfish.lsp.trigger import Mode, Skip, call_spacing, max_tokens, mode, should_ask


def asked(line: str, *, automatic: bool = True, deletion: bool = False, characters: int = 100) -> Skip | None:
    """Ask at the ``|`` of a line."""
    before, after = line.split("|")
    return should_ask(before, after, automatic=automatic, deletion=deletion, document_chars=characters)


@pytest.mark.parametrize(
    ("line", "skip"),
    [
        ("x = |", None),
        ("|", None),
        ("    |", None),
        ("f(|)", None),
        ('f("|")', None),
        ("f(|):", None),
        ("f(g(x)|)", None),
        ("    g(x)|)", None),
        ("call({|});", None),
        ("x = |y", Skip.INSIDE_LINE),
        ("x = | + y", Skip.INSIDE_LINE),
        ("f(|) + y", Skip.INSIDE_LINE),
        ("fo|o", Skip.INSIDE_LINE),
        ("f(x)|", Skip.STATEMENT_END),
        ("x = [1]  |", Skip.STATEMENT_END),
        ("}|", Skip.STATEMENT_END),
        ("return x;|", Skip.STATEMENT_END),
        ("f(g(x)|", None),
        ("def f(x)|", None),
        ("    async def f(x) |", None),
        ("} else if (x)|", Skip.STATEMENT_END),
        ("if (x)|", None),
        ("iffy(x)|", Skip.STATEMENT_END),
        ("x = '('  # why (|", None),
        ("😀 = |", None),
    ],
)
def test_lines(line: str, skip: Skip | None) -> None:
    """A call is made at the end of an unfinished statement, with at most closers to the right."""
    assert asked(line) is skip


def test_deletion() -> None:
    """Whoever takes text back is not asked for more, except by hand."""
    assert asked("x = |", deletion=True) is Skip.DELETION
    assert asked("x = |", deletion=True, automatic=False) is None


@pytest.mark.parametrize(("characters", "skip"), [(0, Skip.TINY), (9, Skip.TINY), (10, None)])
def test_tiny_document(characters: int, skip: Skip | None) -> None:
    """A document of a few characters tells a model nothing."""
    assert asked("x|", characters=characters) is skip


@pytest.mark.parametrize("line", ["x = |y", "f(x)|", "x|"])
def test_by_hand(line: str) -> None:
    """A request by hand is always made."""
    assert asked(line, automatic=False, characters=1) is None


def chosen(
    text: str,
    *,
    language: str = "python",
    automatic: bool = True,
    multiline: str = "auto",
    device: str = "gpu",
) -> Mode:
    """Choose at the ``|`` of a text."""
    above, below = text.split("|")
    *lines_above, before = above.split("\n")
    after, *lines_below = below.split("\n")
    return mode(
        before,
        after,
        lines_below,
        automatic=automatic,
        multiline=multiline,
        device=device,
        above=lines_above,
        language=language,
    )


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("def f():|", "python", Mode.BLOCK),
        ("def f():\n    |", "python", Mode.BLOCK),
        ("def f():\n    |\n\ndef g():", "python", Mode.BLOCK),
        ("def f():|\n    return 1", "python", Mode.LINE),
        ("def f():\n\n    x = |", "python", Mode.LINE),
        ("f(x, lambda y:|", "python", Mode.LINE),
        ("x = {'a':|", "python", Mode.LINE),
        ("func f() {|", "go", Mode.BLOCK),
        ("f(function () {|", "javascript", Mode.BLOCK),
        ("f({ a: g(|", "javascript", Mode.LINE),
        ("case 1:|", "go", Mode.LINE),
        ("if x then|", "lua", Mode.BLOCK),
        ("x = strengthen|", "lua", Mode.LINE),
        ("f() {|}", "javascript", Mode.LINE),
        ("x {|", "never-heard-of", Mode.BLOCK),
    ],
)
def test_mode(text: str, language: str, expected: Mode) -> None:
    """A block is asked for where one begins that has no body yet, and not among a call's arguments."""
    assert chosen(text, language=language) is expected


def test_mode_by_setting_and_device() -> None:
    """The setting decides; where it leaves it open, a CPU gives blocks only by hand."""
    assert chosen("def f():|", device="cpu") is Mode.LINE
    assert chosen("x = |", device="cpu", automatic=False) is Mode.BLOCK
    assert chosen("x = |", multiline="always", device="cpu") is Mode.BLOCK
    assert chosen("x = |y", multiline="always") is Mode.LINE
    assert chosen("def f():|", multiline="never", automatic=False) is Mode.LINE
    assert chosen("def f():|", device="unknown") is Mode.BLOCK


def test_call_spacing() -> None:
    """Calls are spaced by device, further while suggestions are typed over, and exactly as the user wishes."""
    assert (call_spacing("cpu", 0, None), call_spacing("gpu", 0, None), call_spacing("unknown", 2, None)) == (
        125,
        75,
        75,
    )
    spacings = [call_spacing("gpu", count, None) for count in range(30)]
    assert all(one <= two for one, two in itertools.pairwise(spacings))
    assert spacings[-1] == 400
    assert call_spacing("cpu", 10**9, None) == 400
    assert call_spacing("cpu", 9, 0) == 0


def test_max_tokens() -> None:
    """A line needs few tokens, a block more."""
    assert max_tokens(Mode.LINE, device="cpu", fim=False) == 24
    assert max_tokens(Mode.BLOCK, device="gpu", fim=True) == 128
