"""Makes sure that the demonstration shows learning, and not memory. Pure.

No name of the call sites' own is in the training data, nor a line of them that says anything; no name of the library is
in what the base was trained on.
"""

import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence

from finetune.call_sites import CallSite
from finetune.library import NAMES, PACKAGE, SURFACE

LONGEST_SHARED = 4
"""Words in a row that a call site's comment may share with the training data."""
_WORD = re.compile(r"\w+")
_ALIKE = frozenset(("services", "py", "return", "import", "from"))
"""Path parts that all files of a tree share."""


def own_names(site: CallSite) -> set[str]:
    """Functions, variables and attributes of a call site, and the words of its path, that are not the library's."""
    source = f"{site.text}{site.wanted}(){site.below}"
    names = {
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.NAME
    }
    path = set(re.split(r"[/.]", site.path))
    return {name for name in names | path if not keyword.iskeyword(name)} - SURFACE - _ALIKE


def sayings(site: CallSite) -> list[list[str]]:
    """The words of each comment and docstring of a call site."""
    source = f"{site.text}{site.wanted}(){site.below}"
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [
        _WORD.findall(token.string.lower())
        for token in tokens
        if token.type in {tokenize.COMMENT, tokenize.STRING}
    ]


def longest_shared(words: Sequence[str], runs: set[tuple[str, ...]], limit: int) -> int:
    """How many words in a row, up to ``limit``, are in the training data too."""
    for length in range(min(limit, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            if tuple(words[start : start + length]) in runs:
                return length
    return 0


def leaks(sites: Iterable[CallSite], training: Iterable[str]) -> list[str]:
    """What call sites have in common with training texts and must not, each in a line."""
    known: set[str] = set()
    runs: set[tuple[str, ...]] = set()
    for text in training:
        words = _WORD.findall(text.lower())
        known.update(_WORD.findall(text))
        for length in range(1, LONGEST_SHARED + 2):
            runs.update(zip(*(words[start:] for start in range(length)), strict=False))
    return list(_leaks(sites, known, runs))


def _leaks(sites: Iterable[CallSite], known: set[str], runs: set[tuple[str, ...]]) -> Iterator[str]:
    for site in sites:
        for name in sorted(own_names(site) & known):
            yield f"{site.path}: the name {name} is in the training data"
        for words in sayings(site):
            if longest_shared(words, runs, LONGEST_SHARED + 1) > LONGEST_SHARED:
                said = " ".join(words)
                yield f"{site.path}: the training data shares more than {LONGEST_SHARED} words in a row of: {said}"


def foreknown(public: Iterable[str]) -> list[str]:
    """The library's names that the base's training data holds, in whatever case."""
    names = {PACKAGE, *NAMES}
    found: set[str] = set()
    for text in public:
        lower = text.lower()
        found.update(name for name in names if name in lower)
    return sorted(found)
