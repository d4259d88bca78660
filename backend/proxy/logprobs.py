"""Log-probabilities in the shape of OpenAI's legacy completions."""

from collections import deque
from typing import Any

from .engines.base import Piece, TokenLogprob


class LogprobTrack:
    """Gathers tokens as they come and gives them out as their text is shown.

    Offsets count characters of the returned text from ``start`` on (the length of an echoed prompt).
    """

    def __init__(self, start: int = 0) -> None:
        self._end = start
        self._waiting: deque[tuple[int, TokenLogprob]] = deque()

    def add(self, piece: Piece) -> None:
        """Place a piece's tokens: each at its own text if that adds up, else all where the piece begins."""
        offset = self._end
        whole = "".join(logprob.token for logprob in piece.logprobs) == piece.text
        for logprob in piece.logprobs:
            self._waiting.append((offset, logprob))
            offset += len(logprob.token) if whole else 0
        self._end += len(piece.text)

    def take(self, end: int | None = None) -> dict[str, Any]:
        """The tokens that begin before character ``end`` of the text, or all; each is given out once."""
        taken: list[tuple[int, TokenLogprob]] = []
        while self._waiting and (end is None or self._waiting[0][0] < end):
            taken.append(self._waiting.popleft())
        return {
            "tokens": [logprob.token for _, logprob in taken],
            "token_logprobs": [logprob.logprob for _, logprob in taken],
            "top_logprobs": [_alternatives(logprob) for _, logprob in taken],
            "text_offset": [offset for offset, _ in taken],
        }


def _alternatives(logprob: TokenLogprob) -> dict[str, float]:
    """The likeliest tokens; the chosen one is among them even if it was not likely."""
    return {**dict(logprob.top), logprob.token: logprob.logprob} if logprob.top else {}


def merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One object out of those of several chunks."""
    keys = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return {key: [entry for part in parts for entry in part[key]] for key in keys}
