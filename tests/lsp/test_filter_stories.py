"""All filters together, on whole texts and on half a stream."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.filter_places import around, check_stream
from pilotfish.lsp.filters import Suggestion, Surroundings, align, enough, refine

PYTHON = '''import json


def load(path):
    """Read a file."""
    with open(path) as file:
        ‸


def save(path, data):
    pass
'''
JAVASCRIPT = """export async function load(url) {
  const answer = await fetch(‸);
  return answer.json();
}
"""
GO = """func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {‸
	}
	return parse(data)
}
"""


@dataclass(frozen=True)
class Story:
    """What all rules make of a text at the ``‸``."""

    about: str
    place: str
    raw: str
    text: str | None
    language: str = "python"
    multiline: bool = False
    owed: str = ""

    def surroundings(self) -> Surroundings:
        """Where the text is to go."""
        return around(self.place, language=self.language, multiline=self.multiline, owed=self.owed)

    def __str__(self) -> str:
        return self.about


STORIES = [
    Story("one space owed", PYTHON, " return json.load(file)\n", "return json.load(file)", owed=" "),
    Story(
        "indentation owed", PYTHON, " " * 8 + "return json.load(file)", "return json.load(file)", owed=" " * 8
    ),
    Story("a dedent is nothing to show", PYTHON, "def save(path):\n", None, owed=" "),
    Story(
        "a block up to its end",
        PYTHON,
        " data = json.load(file)\n        return data\n\n\ndef save(path, data):\n    x",
        "data = json.load(file)\n        return data",
        multiline=True,
        owed=" ",
    ),
    Story(
        "repeats what follows", PYTHON, "\n\ndef save(path, data):\n    pass", None, multiline=True, owed=" "
    ),
    Story(
        "CRLF from the model",
        PYTHON,
        " a = 1\r\n        b = 2\r\n",
        "a = 1\n        b = 2",
        multiline=True,
        owed=" ",
    ),
    Story("closers on the right", JAVASCRIPT, "base);\n  return answer", "base", "javascript"),
    Story("more behind the closer", JAVASCRIPT, "url).then(check);", "url).then(check", "javascript"),
    Story("template string", JAVASCRIPT, "`${base}/${url}`);", "`${base}/${url}`", "javascript"),
    Story("emoji", JAVASCRIPT, '"/😀/" + url);', '"/😀/" + url', "javascript"),
    Story(
        "block",
        GO,
        "\n\t\treturn nil, err\n\t}\n\treturn parse(data)\n}\n",
        "\n\t\treturn nil, err",
        language="go",
        multiline=True,
    ),
    Story(
        "chatty",
        GO,
        "```go\n\n\t\treturn nil, err\n```\nThis returns.",
        "\n\t\treturn nil, err",
        language="go",
        multiline=True,
    ),
    Story(
        "token",
        GO,
        "\n\t\treturn nil, err<|endoftext|>package",
        "\n\t\treturn nil, err",
        language="go",
        multiline=True,
    ),
]


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_all_rules(story: Story) -> None:
    """Texts as models write them, in code as people write it."""
    assert refine(story.raw, story.surroundings()) == (None if story.text is None else Suggestion(story.text))


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_all_rules_on_a_stream(story: Story) -> None:
    """The same texts, character by character."""
    check_stream(story.raw, story.surroundings())


def test_trailing_blanks() -> None:
    """Blanks at the end go, unless the rest of the line follows them."""
    assert refine("foobar  \n", around("x = ‸")) == Suggestion("foobar")
    assert refine("foo, bar", around("f(‸bar)")) == Suggestion("foo, ")


def test_rest_of_a_suggestion() -> None:
    """What is left of a suggestion that was shown stays, however little it is."""
    assert refine("y", replace(around("f(x, ‸)"), continued=True)) == Suggestion("y")
    assert refine("y", around("f(x, ‸)")) is None


def test_carriage_return_at_the_end() -> None:
    """A carriage return at the end of half a stream may be half of a line end."""
    s = replace(around("if x:\n    ‸", multiline=True), complete=False)
    assert refine("a = 1234\r", s) == Suggestion("a = 1234")
    assert refine("a = 1234\r\n    b", s) == Suggestion("a = 1234\n    b")


def test_endless_line() -> None:
    """A cursor in a line of a million characters is none the slower, nor is it an error."""
    s = Surroundings("x, " * 300_000, ", y" * 300_000, complete=True)
    assert refine("foo, bar", s) is not None


@pytest.mark.parametrize(
    ("place", "raw", "owed", "text"),
    [
        ("x = ‸", " 12", " ", "12"),
        ("x = ‸", "", " ", ""),
        ("x = ‸", "= 1", " ", None),
        ("if x:\n    ‸", "\n    y", " ", "y"),
        ("    return x‸", "    ret", "", ""),
        ("x‸", " = 1\ny<|endoftext|>", "", " = 1\ny"),
    ],
)
def test_align(place: str, raw: str, owed: str, text: str | None) -> None:
    """A text from the cursor on: "" while that is open, None where it does not fit."""
    assert align(raw, replace(around(place, owed=owed), complete=False)) == text


@pytest.mark.parametrize(
    ("place", "multiline", "raw", "over"),
    [
        ("x = ‸", False, " 1", False),
        ("x = ‸", False, " 1\n", True),
        ("x = ‸", False, "= 1", True),
        ("x = 1‸", False, "\n", False),
        ("x = 1‸", False, "\ny\n", True),
        ("if x:‸", True, "\n    a\n    b\n", False),
        ("if x:‸", True, "\n    a\n\n", True),
        ("if x:‸", True, "\n    a\nb = 1\n", True),
        ("if x:‸", True, "\n    a\nb = 1", False),
        ("if x:‸", True, "\n" + "    a1\n    b2\n" * 6, True),
        ("if x:‸\n    return y", True, "\n    a\n    return y\n", True),
    ],
)
def test_enough(place: str, multiline: bool, raw: str, over: bool) -> None:
    """A stream is closed as soon as more of it can't be shown, and not before."""
    owed = " " if place.endswith(" ‸") else ""
    assert enough(raw, around(place, multiline=multiline, owed=owed)) is over


LINES = [
    "return a",
    "    b = f(x)",
    "    if y:",
    "        z()",
    "}",
    "    })",
    "",
    "else:",
    "    c = '(' # )",
    "x)",
    "é😀",
]


@settings(max_examples=200, deadline=None)
@given(
    raw=st.lists(st.sampled_from(LINES), min_size=1, max_size=6).map("\n".join),
    place=st.sampled_from(
        ["if x:‸", "    ‸\n    return q", "f(‸)", "    g(‸\n    )", "x = ‸", "a\nb\n‸\nreturn a"]
    ),
    language=st.sampled_from(["python", "javascript", "markdown"]),
    multiline=st.booleans(),
)
def test_any_stream(raw: str, place: str, language: str, multiline: bool) -> None:
    """No sequence of lines makes ghost text shrink while it comes in."""
    check_stream(
        raw, around(place, language=language, multiline=multiline, owed=" " if "= ‸" in place else "")
    )
