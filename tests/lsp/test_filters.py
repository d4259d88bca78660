"""The filters, each rule by itself."""

from dataclasses import dataclass, replace

import pytest

from harness.filter_places import around, check_stream
from pilotfish.lsp.filters import RULES, Suggestion, Surroundings

ALL = (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 22)


@dataclass(frozen=True)
class Case:
    """What one rule makes of a text at the ``‸``; ``text`` None: nothing."""

    rule: int
    about: str
    place: str
    raw: str
    text: str | None
    overwrite: int = 0
    language: str = "python"
    multiline: bool = False
    owed: str = ""
    complete: bool = True

    def surroundings(self) -> Surroundings:
        """Where the text is to go."""
        made = around(self.place, language=self.language, multiline=self.multiline, owed=self.owed)
        return replace(made, complete=self.complete)

    def __str__(self) -> str:
        return f"{self.rule}-{self.about}"


def block(rule: int, about: str, place: str, raw: str, text: str | None, *, language: str = "python") -> Case:
    """Build a case in which several lines were asked for."""
    return Case(rule, about, place, raw, text, language=language, multiline=True)


def half(case: Case) -> Case:
    """Make the text of a case half a stream."""
    return replace(case, complete=False, about=case.about + ", half")


CASES = [
    Case(1, "end of text", "x = ‸", "1<|endoftext|>import os", "1"),
    Case(1, "fim token", "x = ‸", "1<fim_suffix>)", "1"),
    Case(1, "deepseek token", "x = ‸", "1<\uff5cend▁of▁sentence\uff5c>", "1"),
    Case(1, "plain text", "x = ‸", "a < b | c > d", "a < b | c > d"),
    Case(1, "pipe operator", "let x = ‸", "f <| g |> h", "f <| g |> h", language="fsharp"),
    Case(1, "another file", "‸", "x = 1\n# Path: b.py\ny", "x = 1"),
    Case(1, "header in another syntax", "‸", "a\n// Path: b.js\ny", "a", language="javascript"),
    Case(1, "comment that names a path", "‸", "x  # Path: is set below", "x  # Path: is set below"),
    Case(1, "comment after code", "x = 1  ‸", "# Path: is set below", "# Path: is set below"),
    Case(1, "patch", "‸", "x\ndiff --git a/b b/b\n", "x"),
    Case(1, "fence around", "‸", "```python\nx = 1\n```\nThis sets x.", "x = 1"),
    Case(1, "fence after", "x = ‸", "1\n```\n", "1"),
    Case(1, "fence in prose", "‸", "```sh\nls\n```", "```sh\nls\n```", language="markdown"),
    Case(1, "thought", "x = ‸", "<think>hm, one</think>1", "1"),
    Case(1, "only thought", "x = ‸", "<think>hm, one", None),
    half(Case(1, "thought", "x = ‸", "<think>hm, one", "")),
    half(Case(1, "fence alone", "‸", "```pyth", "")),
    half(Case(1, "begun token", "x = ‸", "1<|endo", "1")),
    half(Case(1, "begun fim token", "x = ‸", "1<fim", "1")),
    half(Case(1, "begun header", "‸", "x\n# Pat", "x\n")),
    half(Case(1, "comment", "‸", "x\n# Pot", "x\n# Pot")),
    Case(2, "owed space", "x = ‸", " 1", "1", owed=" "),
    Case(2, "owed indentation", "if x:\n    ‸", " return", "return", owed=" "),
    Case(2, "owed tab", "if x:\n\t\t‸", "\treturn", "return", owed="\t"),
    Case(2, "all the indentation owed", "if x:\n    ‸", "    return", "return", owed="    "),
    Case(2, "deeper", "if x:\n    ‸", "     y", "    y", owed=" "),
    Case(2, "owed but missing", "x =‸", "1", "1"),
    Case(2, "space not needed", "f( ‸", "x)", "x)", owed=" "),
    Case(2, "space not written after operator", "x = ‸", "= 1", None, owed=" "),
    Case(2, "word goes on", "retur ‸", "n x", None, owed=" "),
    Case(2, "dedent", "if x:\n    ‸", "return", None, owed=" "),
    Case(2, "blank line first", "if x:\n    ‸", "\n    return", "return", owed=" "),
    Case(2, "blank lines first", "x\n‸", "\n\ndef f():", "def f():"),
    Case(2, "blank line, then dedent", "if x:\n    ‸", "\nreturn", None, owed=" "),
    half(Case(2, "nothing yet", "if x:\n    ‸", "", "", owed=" ")),
    half(Case(2, "part of what is owed", "if x:\n    ‸", "  ", "", owed="    ")),
    half(Case(2, "blank line and part of the indentation", "if x:\n    ‸", "\n  ", "", owed=" ")),
    Case(2, "nothing at all", "x = ‸", "", None, owed=" "),
    Case(2, "echo", "    return x‸", "return x + 1", " + 1"),
    Case(2, "echo after a space", "return ‸", "return x", "x"),
    Case(2, "no echo", "return ‸", "returned", "ed"),
    Case(2, "too short for an echo", "x = ‸", "x = 1", "x = 1"),
    half(Case(2, "may be an echo", "    return x‸", "retu", "")),
    half(Case(2, "can be none any more", "    return x‸", "retx", "retx")),
    Case(2, "two spaces at the seam", "x = ‸", "  1", "1", owed=" "),
    Case(2, "many spaces", "x‸", "    = 1", " = 1"),
    Case(2, "spaces before a comment", "x()‸", "  # why", "  # why"),
    Case(2, "emoji", 'x = "😀‸', ' 😀"', ' 😀"'),
    Case(4, "one line", "x = ‸", "1\ny = 2", "1"),
    Case(4, "no line end", "x = ‸", "1", "1"),
    Case(4, "next line after a complete one", "x = 1‸", "\ny = 2\nz", "\ny = 2"),
    Case(4, "two line ends", "x = 1‸", "\n\ny = 2", "\n"),
    Case(4, "line end before the rest of the line", "f(‸)", "\nx", None),
    block(4, "block", "x‸", "1\n2\n3", "1\n2\n3"),
    Case(5, "closer at the end", "f(‸)", "x, y)", "x, y"),
    Case(5, "two closers", "f(g(‸))", "x))", "x"),
    Case(5, "one of two closers", "f(g(‸))", "x)", "x"),
    Case(5, "closer and more", "f(‸)", "x) + 1", "x) + 1", overwrite=1),
    Case(5, "closer, colon and more", "def f(‸):", "x) -> int:", "x) -> int:", overwrite=2),
    Case(5, "its own closer", "f(‸)", "g()", "g()"),
    Case(5, "quote and more", 'f("‸")', 'a", b)', 'a", b)', overwrite=2),
    Case(5, "quote", 'f("‸")', 'a")', "a"),
    Case(5, "string", 'f("‸")', "hello", "hello"),
    Case(5, "word", "f(‸bar)", "foo, bar)", "foo, "),
    Case(5, "wrong closer", "f(‸)", "x]", None),
    Case(5, "just the closer", "f(x‸)", ")", None),
    Case(5, "nothing to the right", "f(‸", "x)", "x)"),
    Case(5, "spaces to the right", "f(‸  ", "x)", "x)"),
    Case(5, "space before closer", "f(x‸ )", ", y )", ", y"),
    Case(5, "several lines", "f(‸)", "\n    x,\n)", "\n    x,\n"),
    Case(5, "apostrophe in a comment", "f(‸)  # don't", "x", "x"),
    half(Case(5, "wrong closer", "f(‸)", "x]", "")),
    half(Case(5, "open bracket", "f(‸)", "g(", "g(")),
    block(6, "document below", "‸\nreturn compute_all(a, b)", "b = 2\nreturn compute_all(a, c)", "b = 2\n"),
    Case(6, "rest of the line", "x = ‸some_function(y)", "1 + some_function(y)", "1 + "),
    block(6, "something else", "‸\nreturn compute(a, b)", "b = 2\nreturn compute(b)", "b = 2\nreturn compute(b)"),
    block(6, "too little to the right", "a = 1\n‸\nreturn", "b = 2\nreturn", "b = 2\nreturn"),
    half(block(6, "may arrive there", "a = 1\n‸\nreturn compute(a, b)", "b = 2\nretur", "b = 2\n")),
    half(block(6, "does not", "a = 1\n‸\nreturn compute(a, b)", "b = 2\nretux", "b = 2\nretux")),
    block(7, "next line", "a = 1\n‸\n\n    return a + b\n", "b = 2\nreturn a + b\nx", "b = 2\n"),
    block(7, "nearly the next line", "‸\nself.assertTrue(value)", "x\nself.assertTrue(valve)", "x\n"),
    Case(7, "the whole line", "retu‸\nreturn a + b", "rn a + b", None),
    Case(7, "another line", "retu‸\nreturn a + b", "rn b", "rn b"),
    block(7, "bracket", "f(\n‸\n)", "x\n)", "x\n)"),
    block(7, "short line", "‸\npass", "x\npass", "x\npass"),
    half(Case(7, "may become the next line", "retu‸\nreturn a + b", "rn a", "")),
    half(Case(7, "can't any more", "retu‸\nreturn a + b", "rn b", "rn b")),
    half(block(7, "second line may", "‸\nreturn a + b", "x = 1\nretu", "x = 1\n")),
    block(8, "three lines", "‸\na = f(1)\nb = g(2)\nc = h(3)", "a = f(1)\nb = g(3)\nc = h(3)", None),
    block(8, "other lines", "‸\na = f(1)\nb = g(2)", "k = 7\nprint(l)", "k = 7\nprint(l)"),
    Case(8, "one line", "‸\nresult = compute(x)", "result = compute(x)", None),
    Case(8, "neighbours in a list", "‸\nB = 1", "A = 1", "A = 1"),
    Case(8, "nothing below", "‸", "A = 1", "A = 1"),
    Case(8, "brackets below", "f(\n‸\n)", ")", ")"),
    half(block(8, "not all there", "‸\na = f(1)\nb = g(2)", "a = f(1)", "a = f(1)")),
    Case(9, "line above", "    x = compute(a)\n    ‸", "x = compute(a)", None),
    Case(9, "nearly", "    value = compute(a, b)\n    ‸", "value = compute(a, c)", None),
    Case(9, "another", "    x = compute(a)\n    ‸", "y = measure(a)", "y = measure(a)"),
    Case(9, "list", "    'alpha-1',\n    'alpha-2',\n    ‸", "'alpha-3',", "'alpha-3',"),
    Case(9, "imports", "import alpha_a\nimport alpha_b\n‸", "import alpha_c", "import alpha_c"),
    Case(9, "bracket", "    }\n}\n‸", "}", "}"),
    Case(9, "after a complete line", "x = compute(a)‸", "\nx = compute(a)", None),
    Case(9, "blank lines between", "x = compute(a)\n\n‸", "x = compute(a)", None),
    half(Case(9, "may become it", "    x = compute(a)\n    ‸", "x = com", "")),
    half(Case(9, "can't any more", "    x = compute(a)\n    ‸", "x = con", "x = con")),
    block(10, "three times", "‸", "a()\na()\na()\nb()", "a()"),
    block(10, "twice", "‸", "a()\na()\nb()", "a()\na()\nb()"),
    block(10, "later", "‸", "x\na()\na()\na()", "x\na()"),
    block(10, "with the line's beginning", "    a(‸", ")\n    a()\n    a()", ")"),
    block(10, "blank lines", "‸", "a\n\n\n\nb", "a\n\n\n\nb"),
    half(block(10, "may come again", "‸", "a()\na(", "a()")),
    half(block(10, "does not", "‸", "a()\na()\nb", "a()\na()\nb")),
    Case(11, "one sign", "x = ‸", "-" * 10, None),
    Case(11, "nine of it", "x = ‸", "-" * 9, "-" * 9),
    Case(11, "pair", "x = ‸", "0, " * 10, None),
    Case(11, "short list", "x = ‸", "0, 1, 2, 3, 4, 5", "0, 1, 2, 3, 4, 5"),
    block(11, "lines", "‸", "    x.append(1)\n" * 6, None),
    Case(11, "blanks vary", "‸", "a b " + "a  b a b " * 8, None),
    Case(12, "stutter", "x = ‸", "abc" * 6, None),
    Case(12, "five times", "x = ‸", "abc" * 5, "abc" * 5),
    Case(12, "long stutter", "x = ‸", "0123456789" * 4, None),
    Case(12, "long, three times", "x = ‸", "0123456789" * 3, "0123456789" * 3),
    block(12, "second line", "‸", "x = 1\ny = " + "ha!" * 7 + "\nz", "x = 1\n"),
    Case(12, "in the middle", "x = ‸", "abc" * 6 + "!", "abc" * 6 + "!"),
    block(15, "dedent", "if x:\n    ‸", "y = 1\nz = 2", "y = 1"),
    block(15, "same indentation", "if x:\n    ‸", "y = 1\n    z = 2", "y = 1\n    z = 2"),
    block(15, "end of an opened block", "def f():‸", "\n    return 1\ndef g():", "\n    return 1"),
    block(15, "else", "if x:‸", "\n    y\nelse:\n    z\nw", "\n    y\nelse:\n    z"),
    block(15, "brace", "if (x) {‸", "\n  y();\n}\nz();", "\n  y();\n}", language="javascript"),
    block(15, "second brace", "if (x) {‸", "\n  y();\n}\n}", "\n  y();\n}", language="javascript"),
    block(15, "brace else", "if (x) {‸", "\n  y\n} else {\n  z\n}\nw", "\n  y\n} else {\n  z\n}", language="c"),
    block(15, "statements", "x = 1‸", "\ny = 2\nz = 3", "\ny = 2\nz = 3"),
    block(15, "after a blank line", "‸", "if x:\n    y\n\nz", "if x:\n    y\n"),
    block(15, "prose", "- a‸", "\n  b\nc", "\n  b\nc", language="markdown"),
    block(15, "tabs", "\tif x {‸", "\n\t\ty()\n\t}\n}", "\n\t\ty()\n\t}", language="go"),
    half(block(15, "may be else", "if x:‸", "\n    y\nel", "\n    y")),
    half(block(15, "word that begins so", "if x:‸", "\n    y\nelse", "\n    y")),
    block(16, "blank line", "‸", "a\nb\n\nc", "a\nb"),
    block(16, "leading line end", "x:‸", "\n    a\n\nc", "\n    a"),
    block(16, "ten lines", "‸", "\n".join("abcdefghijkl"), "\n".join("abcdefghij")),
    block(16, "200 tokens", "‸", "a\n" + "b " * 100 + "\nc", "a"),
    Case(16, "not in one line", "‸", "a\n\nb", "a\n\nb"),
    block(17, "closed below", "  if (x) {‸\n  }", "\n    y();\n  }", "\n    y();", language="javascript"),
    block(17, "closed with more", "  f(‸\n  });", "\n    y\n  })", "\n    y", language="javascript"),
    block(17, "other indentation", "  if (x) {‸\n}", "\n    y();\n  }", "\n    y();\n  }", language="javascript"),
    block(17, "end", "  if x then‸\n  end", "\n    y()\n  end", "\n    y()", language="lua"),
    block(17, "no closer", "  x‸\n  y", "\n  y", "\n  y"),
    Case(18, "never opened", "x = y‸", ")", ""),
    Case(18, "opened in the line", "f(g(‸", "x))", "x))"),
    Case(18, "one too many", "f(‸", "x))", "x)"),
    Case(18, "opened by itself", "x = ‸", "f(a[0])", "f(a[0])"),
    Case(18, "opened above", "f(\n    a,\n‸", ")", ")"),
    Case(18, "closed below", "f(\n    a,\n    ‸\n)", "b)", "b"),
    Case(18, "another kind below", "function f() {\n  g(‸\n}", "x);", "x);", language="javascript"),
    Case(18, "in a string", "x = ‸", '":)"', '":)"'),
    Case(18, "in a comment", "x = ‸", "1  # a) first", "1  # a) first"),
    Case(18, "within a string", 'x = "‸', 'a)"', 'a)"'),
    Case(18, "apostrophe", "# don't (‸", "stop)", "stop)"),
    Case(18, "apostrophe in a word", "x = ‸", "it's f(a))", "it's f(a)"),
    Case(18, "string with a prefix", "x = ‸", "f')' + rb')'", "f')' + rb')'"),
    Case(18, "closed before", "x) = ‸", "f(a)", "f(a)"),
    Case(18, "prose", "well ‸", ":)", ":)", language="markdown"),
    Case(18, "shell", "case $x in\n  ‸", "a) echo;;", "a) echo;;", language="shellscript"),
    block(18, "lines", "x = 1\n‸", "y = 2\n})\nz", "y = 2"),
    Case(22, "one character", "x = ‸", "1", None),
    Case(22, "three characters", "x = ‸", "foo", None),
    Case(22, "four characters", "x = ‸", "food", "food"),
    Case(22, "completes a name", "retu‸", "rn", "rn"),
    Case(22, "one character of a name", "retur‸", "n", None),
    Case(22, "blanks do not count", "x = ‸", "a \n b c", None),
    Case(22, "CJK", "x = '‸", "漢字漢字", "漢字漢字"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    """One rule alone, on texts for which it is meant, for which it is not, and in between."""
    rule = next(rule for rule in RULES if rule.number == case.rule)
    expected = None if case.text is None else Suggestion(case.text, case.overwrite)
    assert rule.apply(Suggestion(case.raw), case.surroundings()) == expected


def test_table() -> None:
    """The rules stand in the order of their numbers, all of them, each with at least three cases of its own."""
    assert tuple(rule.number for rule in RULES) == ALL
    for number in ALL:
        assert sum(case.rule == number for case in CASES) >= 3


@pytest.mark.parametrize("case", [case for case in CASES if case.complete], ids=str)
def test_all_rules_on_a_stream(case: Case) -> None:
    """The same texts, character by character."""
    check_stream(case.raw, case.surroundings())
