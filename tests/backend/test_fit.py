"""Prompts that fit the context, and what is cut from those that don't."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotfish.backend.proxy.engines.memory import MemoryEngine, MemorySettings
from pilotfish.backend.proxy.errors import BadRequest
from pilotfish.backend.proxy.fit import Fit, at_line_start, fit, steady_drop
from pilotfish.backend.proxy.plan import make_plan
from pilotfish.backend.proxy.schemas import CompletionRequest
from pilotfish.backend.proxy.settings import Limits


async def fitted(context: int, **fields: Any) -> Fit:
    engine = MemoryEngine(MemorySettings(context_length=context))
    await engine.start()
    request = CompletionRequest(**{"prompt": "x", **fields})
    return await fit(make_plan(request, engine.capabilities, Limits()), engine)


async def text(context: int, **fields: Any) -> str:
    engine = MemoryEngine()
    await engine.start()
    (prompt,) = (await fitted(context, **fields)).prompts
    return await engine.detokenize(prompt.tokens)


@given(st.integers(0, 5000), st.integers(1, 500))
def test_a_cut_leaves_enough_and_not_too_much(length: int, room: int) -> None:
    """What is left fits, and is no less than three quarters of the room."""
    left = length - steady_drop(length, room)
    assert left <= room
    if length > room >= 4:
        assert left > room - 2 * (room // 4) - 1


def test_a_cut_stands_still_between_steps() -> None:
    """As a text grows key by key, its start moves once in a quarter of the room: the prefix cache holds."""
    drops = [steady_drop(length, 400) for length in range(400, 600)]
    assert sorted(set(drops)) == [0, 100, 200]
    assert drops == sorted(drops)


@pytest.mark.parametrize(
    ("cut", "line"),
    [
        ("rest of a line\nnext\n", "next\n"),
        ("no line end", "no line end"),
        ("\ufffd\ufffdab", "ab"),
        ("a\n", "a\n"),
    ],
)
def test_lines_are_kept_whole(cut: str, line: str) -> None:
    """A cut text begins with a whole line, or at least with a whole character."""
    assert at_line_start(cut) == line


async def test_what_fits_is_untouched() -> None:
    """Truncation is for what is too long only."""
    assert await text(100, prompt="a\nb\nc", truncate="left", max_tokens=10) == "a\nb\nc"


async def test_over_long_prompts_are_refused_with_openais_code() -> None:
    """Prompt and max_tokens share the context."""
    with pytest.raises(BadRequest) as refused:
        await fitted(100, prompt="a" * 95, max_tokens=16)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.param == "prompt"
    assert "100" in refused.value.message


async def test_truncation_begins_at_a_line() -> None:
    """The end of the prompt is what the completion continues: it stays, from a line's start on."""
    lines = [f"line{number}\n" for number in range(100)]
    kept = await text(120, prompt="".join(lines), truncate="left", max_tokens=20)
    assert kept in {"".join(lines[start:]) for start in range(100)}
    assert kept.endswith("line99\n")
    assert 40 < len(kept) < 100


async def test_truncation_of_one_endless_line() -> None:
    """A line of a megabyte is cut inside, between two characters."""
    kept = await text(120, prompt="漢" * 350_000, truncate="left", max_tokens=20)
    assert set(kept) == {"漢"}
    assert 3 * len(kept) <= 99


async def test_truncation_of_token_ids() -> None:
    """Token ids are cut as they are."""
    (prompt,) = (await fitted(100, prompt=list(range(200)), truncate="left", max_tokens=10)).prompts
    assert list(prompt.tokens) == list(range(200))[-len(prompt.tokens) :]
    assert len(prompt.tokens) <= 89


async def test_room_for_nothing_is_refused_even_with_truncation() -> None:
    """max_tokens beyond the context can't be helped by cutting the prompt."""
    with pytest.raises(BadRequest) as refused:
        await fitted(100, prompt="x", truncate="left", max_tokens=100)
    assert (refused.value.param, refused.value.code) == ("max_tokens", "context_length_exceeded")


async def test_suffix_and_middle_take_room_too() -> None:
    """So do the tokens that mark them."""
    made = await fitted(100, prompt="a" * 50, suffix="b" * 20, fim_middle="c" * 10, max_tokens=16)
    assert (len(made.suffix or ()), len(made.middle)) == (20, 10)
    with pytest.raises(BadRequest):
        await fitted(100, prompt="a" * 51, suffix="b" * 20, fim_middle="c" * 10, max_tokens=16)


async def test_echo_is_the_whole_prompt() -> None:
    """Of token ids too."""
    (prompt,) = (await fitted(100, prompt=[97, 98], echo=True)).prompts
    assert prompt.echo == "ab"
    (prompt,) = (await fitted(100, prompt="ab")).prompts
    assert prompt.echo == ""
