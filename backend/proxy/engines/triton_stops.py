"""Which words FasterTransformer may stop at by itself, so that it does not go on after a stop sequence. Pure.

It compares token ids and looks back into the prompt; stop sequences are text and hold for what is generated only. So
a word is sent only if its match means that the generated text has a stop sequence in it: any token whose text contains
one, and every way to write one with tokens, unless the prompt ends as the word begins. Whatever it misses, the proxy
finds in the text.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import Protocol

_SINGLES = 64  # words of one token, for each stop sequence
_SPELLINGS = 16  # of several tokens, for each stop sequence
_LONGEST = 16  # bytes of a stop sequence whose other spellings are looked for
_GAP = b"\xff"  # in no UTF-8, so no stop sequence reaches over it


class Vocabulary(Protocol):
    """What is needed of a tokenizer."""

    @property
    def size(self) -> int:
        """The highest token id, plus one."""
        ...

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, perhaps a part of a character."""
        ...


class StopWords:
    """The words of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        tokens = [vocabulary.token_bytes(token) for token in range(vocabulary.size)]
        self._all = _GAP.join(tokens)
        self._starts = [0, *accumulate(len(token) + 1 for token in tokens)]
        self._ids = {token: number for number, token in reversed([*enumerate(tokens)]) if token}
        self._longest = max(map(len, tokens), default=0)
        self._of = lru_cache(256)(self._look_up)

    def words(self, stops: Sequence[str], prompt: Sequence[int]) -> list[tuple[int, ...]]:
        """Words that end a row only where its generated text contains a stop sequence."""
        words = dict.fromkeys(word for stop in stops for word in self._of(stop))
        return [word for word in words if not _reaches_back(word, prompt)]

    def _look_up(self, stop: str) -> tuple[tuple[int, ...], ...]:
        sought = stop.encode(errors="replace")
        singles = [(token,) for token in islice(self._containing(sought), _SINGLES)]
        spelled = islice(self._spellings(sought), _SPELLINGS) if len(sought) <= _LONGEST else ()
        # FasterTransformer can't match the token 0, whose id is also the padding of the list.
        return tuple(word for word in dict.fromkeys([*singles, *spelled]) if 0 not in word)

    def _containing(self, sought: bytes) -> Iterator[int]:
        """Tokens whose text contains the sought one."""
        at = self._all.find(sought)
        while at >= 0:
            token = bisect_right(self._starts, at) - 1
            yield token
            at = self._all.find(sought, self._starts[token + 1])

    def _spellings(self, rest: bytes) -> Iterator[tuple[int, ...]]:
        """All sequences of tokens that are a text, those with long tokens first."""
        if not rest:
            yield ()
        for length in range(min(len(rest), self._longest), 0, -1):
            token = self._ids.get(rest[:length])
            if token is not None:
                yield from ((token, *more) for more in self._spellings(rest[length:]))


def _reaches_back(word: Sequence[int], prompt: Sequence[int]) -> bool:
    """Whether the word could match with its beginning in the prompt."""
    tail = tuple(prompt[max(0, len(prompt) - len(word) + 1) :])
    return any(tail[-length:] == tuple(word[:length]) for length in range(1, min(len(word), len(tail) + 1)))
