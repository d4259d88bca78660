"""One text out of the tokens that a server gives: pieces, and why it ended. Pure."""

from collections.abc import Sequence

from .base import EngineError, Finish, FinishReason, Piece, TokenLogprob
from .detokenizer import Detokenizer, TokenBytes, spelt
from .triton_answer import Token


class Row:
    """Turns tokens into pieces, up to the token that ends a text."""

    def __init__(self, vocabulary: TokenBytes, *, end_id: int, prompt_tokens: int, max_tokens: int) -> None:
        self._vocabulary = vocabulary
        self._detokenizer = Detokenizer(vocabulary)
        self._end_id = end_id
        self._prompt_tokens = prompt_tokens
        self._max_tokens = max_tokens
        self._count = 0
        self.ended = False
        """Whether the token that ends a text has come."""

    def feed(self, tokens: Sequence[Token]) -> Piece | None:
        """The piece that these tokens are; None if they only end the text. Raises ``EngineError`` if too many come."""
        kept: list[Token] = []
        for token in tokens:
            self.ended = self.ended or token.id == self._end_id
            if not self.ended:
                kept.append(token)
        if not kept:
            return None
        first = self._count == 0
        self._count += len(kept)
        if self._count > self._max_tokens:
            raise EngineError(f"Triton's model gave {self._count} tokens; {self._max_tokens} were asked for.")
        return Piece(
            self._detokenizer.feed(token.id for token in kept),
            tokens=len(kept),
            logprobs=[self._logprob(token) for token in kept if token.logprob is not None],
            prompt_tokens=self._prompt_tokens if first else None,
            cached_tokens=0 if first else None,
        )

    def finish(self) -> Finish:
        """The last item. Raises ``EngineError`` if the server said nothing at all."""
        if not self._count and not self.ended and self._max_tokens:
            raise EngineError("Triton's model gave no token.")
        reason: FinishReason = "stop" if self.ended or self._count < self._max_tokens else "length"
        return Finish(reason, self._prompt_tokens, self._count)

    def _logprob(self, token: Token) -> TokenLogprob:
        top = tuple((spelt(self._vocabulary.token_bytes(number)), value) for number, value in token.top)
        assert token.logprob is not None
        return TokenLogprob(spelt(self._vocabulary.token_bytes(token.id)), token.logprob, top)
