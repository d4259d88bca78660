"""How much fits, by what the backend can do."""

from dataclasses import dataclass

import pytest

from pilotfish.lsp.budgets import BUDGETS, RESERVED_TOKENS, Ratio, budget_of, style_for
from pilotfish.lsp.windows import LIMIT


@dataclass(frozen=True)
class Wanted:
    """As the settings under ``context``."""

    prompt_tokens: int | None = None
    suffix_tokens: int | None = None
    import_tokens: int | None = None


def test_embedded_model() -> None:
    """The default model on a CPU gets 512 tokens of 3 characters, and no suffix."""
    style = style_for(2048, device="cpu")
    assert (style.prompt_chars, style.suffix_chars, style.import_chars) == (1536, 0, 192)
    assert not style.fim


def test_unknown_device() -> None:
    """A server that does not name its device is taken for one with a GPU."""
    assert budget_of("unknown", fim=True) == budget_of("gpu", fim=True) != budget_of("cpu", fim=True)


def test_fim() -> None:
    """A suffix is planned only for a model that understands it, and ``fim_middle`` only beside a suffix."""
    assert style_for(4096, fim=True, line_start_fim=True, device="gpu").suffix_chars == 768
    assert style_for(4096, fim=True, line_start_fim=True, device="gpu").line_start_fim
    assert not style_for(4096, fim=False, line_start_fim=True, device="gpu").line_start_fim


@pytest.mark.parametrize("context", [None, 128, 512, 1024, 2048, 32768])
@pytest.mark.parametrize(("device", "fim"), BUDGETS)
def test_all_fits_together(context: int | None, device: str, *, fim: bool) -> None:
    """The prompt at its longest, the suffix with the rest of the line, and the longest answer fit the context."""
    style = style_for(context, fim=fim, device=device)
    answer = budget_of(device, fim=fim).block
    tokens = (style.prompt_chars * LIMIT + style.suffix_chars * 1.5) / 3.0
    assert tokens <= max(64, (context or 2048) - answer - RESERVED_TOKENS)
    assert style.prompt_chars > 0


def test_overrides() -> None:
    """What the user sets wins over the table, but not over the model's context."""
    style = style_for(4096, fim=True, device="cpu", overrides=Wanted(1000, 0, 10))
    assert (style.prompt_chars, style.suffix_chars, style.import_chars) == (3000, 0, 30)
    assert style_for(1024, device="gpu", overrides=Wanted(prompt_tokens=100_000)).prompt_chars < 1024 * 3


def test_measured_characters_per_token() -> None:
    """A correction of the estimate changes the window in steps, and never the pinned imports."""
    one, two, three = (style_for(2048, device="cpu", chars_per_token=ratio) for ratio in (3.5, 3.7, 3.8))
    assert one == two
    assert one.prompt_chars < three.prompt_chars
    assert one.import_chars == three.import_chars


def test_the_ratio_moves_only_when_it_is_off_by_much() -> None:
    """Each change would move every window; a model with much longer tokens is worth it, once."""
    ratio = Ratio()
    for seen in (3.2, 3.6, 2.8, 3.4):
        ratio.saw(seen)
    assert ratio.used is None
    used: set[float | None] = set()
    for _ in range(50):
        ratio.saw(4.5)
        used.add(ratio.used)
    assert ratio.used is not None
    assert ratio.used > 3.6
    assert len(used) <= 4
