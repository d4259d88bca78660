"""How a generation's tokens are laid out."""

import pytest

from pilotfish.backend.models.fim_tokens import FimTokens, SpecialTokens
from pilotfish.backend.proxy.engines.base import EngineRefusal, Generation
from pilotfish.backend.proxy.engines.llama_prompt import lay_out

PLAIN = SpecialTokens(fim=None, ends=frozenset({0}), bos=None, start=0)
FIM = SpecialTokens(fim=FimTokens(901, 902, 903), ends=frozenset({0}), bos=None, start=0)


def with_bos(special: SpecialTokens) -> SpecialTokens:
    return SpecialTokens(special.fim, special.ends, bos=1, start=1)


@pytest.mark.parametrize(
    ("special", "generation", "expected"),
    [
        (PLAIN, Generation([5, 6], 1), [5, 6]),
        (with_bos(PLAIN), Generation([5, 6], 1), [1, 5, 6]),
        (with_bos(PLAIN), Generation([1, 5], 1), [1, 5]),
        (PLAIN, Generation([], 1), [0]),
        (with_bos(PLAIN), Generation([], 1), [1]),
        (FIM, Generation([5], 1, suffix=[7, 8], middle=[9]), [901, 5, 902, 7, 8, 903, 9]),
        (with_bos(FIM), Generation([5], 1, suffix=[7]), [1, 901, 5, 902, 7, 903]),
        (FIM, Generation([], 1, suffix=[]), [901, 902, 903]),
        (FIM, Generation([5, 6], 1), [5, 6]),
        (PLAIN, Generation([5], 1, middle=[6]), [5, 6]),
    ],
)
def test_layout(special: SpecialTokens, generation: Generation, expected: list[int]) -> None:
    """Prefix, suffix, middle; one beginning-of-text at most; never nothing."""
    assert lay_out(generation, special) == expected


def test_a_suffix_without_fim_is_refused() -> None:
    """The error names the field."""
    with pytest.raises(EngineRefusal) as refusal:
        lay_out(Generation([5], 1, suffix=[6]), PLAIN)
    assert refusal.value.field == "suffix"


def test_a_model_that_can_not_start_from_nothing_says_so() -> None:
    """Without any token to begin with, an empty prompt is refused."""
    with pytest.raises(EngineRefusal):
        lay_out(Generation([], 1), SpecialTokens(None, frozenset(), None, None))
