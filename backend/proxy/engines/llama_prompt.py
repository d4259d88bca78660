"""The tokens that a generation starts from: what stands before the text, and how a gap is laid out. Pure."""

from collections.abc import Sequence

from pilotfish.backend.models.fim_tokens import SpecialTokens

from .base import EngineRefusal, Generation

RESERVED_TOKENS = 8
"""What a layout adds to the request's own tokens, at most (4), and what the engine itself needs."""


def lay_out(generation: Generation, special: SpecialTokens) -> list[int]:
    """The whole prompt, beginning-of-text and FIM tokens included; never empty.

    A gap is laid out as prefix, suffix, middle: what has been typed of the current line stands last, so that another
    key costs only its own tokens. Raises ``EngineRefusal`` for a suffix that the model does not understand.
    """
    if generation.suffix is None:
        return _begun([*generation.prompt, *generation.middle], special)
    if special.fim is None:
        raise EngineRefusal("This model can't fill in between a prompt and a suffix.", field="suffix")
    prefix, suffix, middle = special.fim.prefix, special.fim.suffix, special.fim.middle
    return _begun(
        [prefix, *generation.prompt, suffix, *generation.suffix, middle, *generation.middle], special
    )


def _begun(tokens: Sequence[int], special: SpecialTokens) -> list[int]:
    if special.bos is not None and tokens[:1] != [special.bos]:
        return [special.bos, *tokens]
    if tokens:
        return list(tokens)
    if special.start is None:
        raise EngineRefusal("This model can't start from nothing: give it a prompt.", field="prompt")
    return [special.start]
