"""What .gitignore and .gitattributes say, read as text: no program is run that a source could configure. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_MARK = "ps_d"
"""pathspec's name for the slash behind a folder that matched with all that is below it."""
_STAR = r"\[\^/\]\*"
_ONE = r"\\.|\[\^/\](?![*+])|\[(?!\^/\])(?:\\.|[^\]\\])+\]|[^\[\\/()*+?]"
_STAR_BEFORE_STAR = re.compile(rf"{_STAR}((?:{_ONE})+)(?={_STAR})")
"""In a regular expression of pathspec's: a star, what stands behind it, and before another star."""
_FOLDERS = "(?:/.+)?"
_MOST_FOLDERS = 2
"""How often a pattern may have ``**`` between names; more take forever where folders are deep."""
_CLASS = re.compile(r"\[:(\w+):\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \t",
    "cntrl": "\x01-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-\/:-@\[-`{-~",
    "space": "\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
"""Classes of characters, which pathspec does not know."""
_ATTRIBUTES = {"linguist-generated": "generated", "linguist-vendored": "vendored"}
_ATTRIBUTE_LINE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)+)"|(\S+))\s+(.+)')


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of one file; they count for paths below its folder."""

    folder: str
    """Relative to the repository's root: empty, or ended by a slash."""
    rules: Sequence[tuple[re.Pattern[str], str, bool]]
    """What matches, what it says, and whether it says the opposite; the last one that matches wins."""

    def verdicts(self, path: str, *, folder: bool) -> Iterator[tuple[str, bool]]:
        """What the rules say of a path relative to the root, the weightiest last one first."""
        inside = path[len(self.folder) :]
        for regex, word, opposite in reversed(self.rules):
            if _matches(regex, inside, folder=folder):
                yield word, not opposite


def read_ignore(text: str, folder: str) -> Patterns:
    """The patterns of a .gitignore; what git would discard counts for nothing."""
    rules = []
    for line in _lines(text):
        pattern, include = _compile(line)
        if pattern is not None and include is not None:
            rules.append((pattern, "ignored", not include))
    return Patterns(folder, rules)


def read_attributes(text: str, folder: str) -> Patterns:
    """The patterns of a .gitattributes that mark files as generated or vendored."""
    rules = []
    for line in _lines(text):
        found = _ATTRIBUTE_LINE.fullmatch(line)
        if found is None or line.lstrip().startswith(("#", "!", "[")):
            continue
        pattern, _ = _compile(found[1] or found[2])
        for attribute in found[3].split() if pattern is not None else ():
            name, _, value = attribute.lstrip("-!").partition("=")
            if pattern is not None and name in _ATTRIBUTES:
                off = attribute[0] in "-!" or value.lower() in {"false", "0"}
                rules.append((pattern, _ATTRIBUTES[name], off))
    return Patterns(folder, rules)


def is_ignored(path: str, patterns: Iterable[Patterns], *, folder: bool) -> bool:
    """Whether a path is ignored; ``patterns`` come with the deepest folder's last."""
    for each in reversed(tuple(patterns)):
        for _, says in each.verdicts(path, folder=folder):
            return says
    return False


def marked(path: str, patterns: Iterable[Patterns]) -> str | None:
    """``generated`` or ``vendored`` if the attributes say so of a file, or None."""
    said: dict[str, bool] = {}
    for each in reversed(tuple(patterns)):
        for word, says in each.verdicts(path, folder=False):
            said.setdefault(word, says)
    return next((word for word in sorted(said) if said[word]), None)


def _lines(text: str) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").split("\n"):
        yield line.removesuffix("\r")


def _compile(line: str) -> tuple[re.Pattern[str] | None, bool | None]:
    from pathspec.patterns.gitignore import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    if line.rstrip(" ").endswith("\t"):  # git means it, pathspec does not
        return None, None
    line = _CLASS.sub(lambda found: _CLASSES.get(found[1], ""), line)
    try:
        regex, include = GitIgnoreSpecPattern.pattern_to_regex(line)
        if regex is None or regex.count(_FOLDERS) > _MOST_FOLDERS:
            return None, None
        # The first place that fits is as good as any other for what stands between two stars. Without trying the
        # others, a pattern of many stars, which may be meant to, does not take years.
        return re.compile(_STAR_BEFORE_STAR.sub(r"(?>[^/]*?\1)", regex)), include
    except (GitIgnorePatternError, re.error):
        return None, None


def _matches(regex: re.Pattern[str], path: str, *, folder: bool) -> bool:
    """Whether a pattern is for this very path, and not only for a folder that it is in.

    Git looks at one level after the other, and once a folder is let in, a pattern that let it in says nothing of what
    is below.
    """
    found = regex.search(path)
    if found is not None and found.groupdict().get(_MARK) is None:
        return True
    if not folder or _MARK not in regex.groupindex:
        return False
    found = regex.search(path + "/") if regex.pattern.startswith("^") else regex.search(path + "/", len(path))
    return found is not None and found.end(_MARK) == len(path) + 1
