"""What is found out about a tokenizer's blanks."""

from collections.abc import Callable, Sequence

import pytest

from pilotfish.backend.proxy.engines.memory import MemoryEngine
from pilotfish.backend.proxy.indents import keeps_indents


class Splitting(MemoryEngine):
    """Tokenizes as it is told to; a token is what its text hashes to."""

    def __init__(self, split: Callable[[str], Sequence[str]]) -> None:
        super().__init__()
        self.split = split

    async def tokenize(self, text: str) -> list[int]:
        return [hash(part) for part in self.split(text)]


def blanks_apart(text: str) -> list[str]:
    """As CodeGen's: a run of blanks is a token."""
    word = text.rstrip("retuny")
    body = word.rstrip(" \t")
    return [part for part in (body, word[len(body) :], text[len(word) :]) if part]


def last_blank_joins(text: str) -> list[str]:
    """As GPT-2's and its kin: the last blank belongs to the word, or stands alone."""
    word = text.rstrip("retuny")
    cut = len(word) - 1 if word.endswith((" ", "\t")) and word != text else len(word)
    return [part for part in (text[:cut], text[cut:]) if part]


@pytest.mark.parametrize(("split", "keeps"), [(blanks_apart, True), (last_blank_joins, False)])
async def test_it_is_seen_in_what_the_tokenizer_does(
    split: Callable[[str], Sequence[str]], keeps: bool
) -> None:
    """Whole indentations are kept exactly where their tokens do not depend on what follows."""
    engine = Splitting(split)
    await engine.start()
    assert await keeps_indents(engine) is keeps
