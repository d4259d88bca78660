"""Python texts with places where the default model is sure to suggest something: what is typed into real editors.

What it suggests is the model's affair: tests compare what is drawn with what is accepted and with what is on disk.
`tests/editors/test_editor_samples.py` checks each of these without an editor.
"""

from dataclasses import dataclass, replace

_MAIN = """import sys


def main():
    print(sys.argv)


"""
_SMALLEST = '''def smallest(numbers):
    """The smallest of the numbers."""
    result = numbers[0]
    for number in numbers:
        if number < result:
            result = number
    return result


def largest(numbers):
    """The largest of the numbers."""
'''
_GREETINGS = """GREETINGS = {
    "日本 🐟": "hello, my dear fish",
    "日本 🐱": "hello, my dear cat",
    "日本 🐶": "hello, my dear dog",
"""
_TABS = """def table(rows):
\tfor row in rows:
\t\tfor cell in row:
\t\t\tprint(cell)


def squares(count):
\tfor i in range(count):
\t\tprint(i * i)


def cubes(count):
"""
_LOOP = """for i in range(10):
    print(i)

"""


@dataclass(frozen=True, slots=True)
class EditorSample:
    """A file with a place in it, the cursor's, and what to type there until something is suggested.

    A suggestion for one line has at least two words. The file's name matters: it is part of the prompt.
    """

    name: str
    before: str
    """The file up to the cursor; it ends within the cursor's line."""
    typed: str
    """One key, so that no answer to an earlier one has a say; none that an editor would close, such as a quote."""
    after: str = ""
    """The file from the cursor on."""

    @property
    def content(self) -> bytes:
        """The file as it is on disk before anything is typed."""
        return (self.before + self.after).encode()

    @property
    def row(self) -> int:
        """The cursor's line, from 0."""
        return self.before.count("\n")

    @property
    def line(self) -> str:
        """The cursor's line after the typing, up to the cursor."""
        return self.before.rpartition("\n")[2] + self.typed

    def with_accepted(self, text: str) -> bytes:
        """The file on disk when the sample was typed and a suggestion accepted, exactly; its lines end in LF."""
        end = "\r\n" if "\r\n" in self.before else "\n"
        return (self.before + self.typed + text.replace("\n", end) + self.after).encode()

    def with_crlf(self) -> "EditorSample":
        """The same file with lines that end as on Windows."""
        return replace(self, before=self.before.replace("\n", "\r\n"), after=self.after.replace("\n", "\r\n"))


LINE = EditorSample("main.py", _MAIN + "i", "f", "\n")
"""Four words, the last of which ends in a colon."""
LOOP = EditorSample("loop.py", _LOOP + "for ", "j", "\n")
"""Two words."""
WIDE = EditorSample("greetings.py", _GREETINGS + '    "日本 🐦": "hello, m', "y", "\n}\n")
"""Two wide characters and an emoji stand before the cursor in its line; two words and a quote's end are suggested."""
CRLF = replace(LINE, name="crlf.py").with_crlf()
TABS = EditorSample("cubes.py", _TABS + "\tfor ", "i", "\n")
"""A tab stands before the cursor."""
BLOCK = EditorSample("largest.py", _SMALLEST + "    resul", "t", "\n")
"""Several lines, when asked for by hand, or with `completion.multiline = "always"`."""
TWO_PLACES = (LINE, LOOP)

LATENCY_BASE = EditorSample("latency.py", _LOOP + "for ", "", "\n")
LATENCY_KEYS = "adfhklmnoprstuvwxyzj"
"""Each typed at the cursor of LATENCY_BASE, and taken back, makes the model say something, not for the second time."""
