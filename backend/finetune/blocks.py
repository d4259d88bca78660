"""Files packed into blocks of equal length, so that no step is spent on padding. Pure.

Files follow each other, each ended by the end-of-text token. A block that begins inside a file begins as the language
server's prompt for that place would: with the file's path header, and then with a whole line. What a block repeats for
that (the header, and the part of a line that the block before had) is read and not learnt a second time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_MOST_REPEATED = 4
"""At most one part in so many of a block is repeated; a longer line, or header, is cut instead."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file as tokens."""

    ids: Sequence[int] = ()
    """All of it, without the end-of-text token."""
    header: int = 0
    """How many of them are the path header with its line end; 0: there is none."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is trained on at once."""

    ids: Sequence[int] = ()
    """Tokens; fewer than the block size only in the last block."""
    learnt: Sequence[bool] = ()
    """Whether each of them is something to learn to say."""


def pack(documents: Iterable[Document], *, block_size: int, end: int, line_ends: "Array") -> Iterator[Block]:
    """The blocks of some files, in their order.

    ``end`` is the end-of-text token, ``line_ends`` [V] says of each token whether a line begins behind it.
    """
    ids: list[int] = []
    learnt: list[bool] = []
    for document in documents:
        text = [*document.ids, end]
        header, at = text[: document.header], 0
        while at < len(text):
            count = min(block_size - len(ids), len(text) - at)
            ids += text[at : at + count]
            learnt += [True] * count
            at += count
            if len(ids) < block_size:
                break
            yield Block(ids, learnt)
            ids, learnt = [], []
            if at < len(text):
                ids = _beginning(text, at, header, block_size // _MOST_REPEATED, line_ends)
                learnt = [False] * len(ids)
    if ids:
        yield Block(ids, learnt)


def _beginning(text: list[int], at: int, header: list[int], room: int, line_ends: "Array") -> list[int]:
    """What a block repeats that goes on with token ``at`` of a file: the header, and the line so far."""
    if at < len(header) or len(header) > room:
        header = []
    room -= len(header)
    start = at
    while start > len(header) and not line_ends[text[start - 1]]:
        start -= 1
        if at - start > room:  # hardly code: a line this long is data, and cutting it loses nothing
            return header
    return header + text[start:at]
