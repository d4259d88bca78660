"""Requests with all defaults filled in, and what the engine can't do."""

import json
from typing import Any

import pytest

from pilotfish.backend.proxy.engines.base import Capabilities, Sampling
from pilotfish.backend.proxy.errors import BadRequest
from pilotfish.backend.proxy.plan import Plan, make_plan
from pilotfish.backend.proxy.schemas import CompletionRequest
from pilotfish.backend.proxy.settings import Limits

ABLE = Capabilities(
    model="able", engine="memory", context_length=100, vocab_size=300, slots=2, fim=True, logprobs=5
)
PLAIN = Capabilities(model="plain", engine="memory", context_length=100, vocab_size=300, slots=2)


def plan(can: Capabilities = ABLE, **fields: Any) -> Plan:
    request = CompletionRequest.model_validate_json(json.dumps({"prompt": "x", **fields}))
    return make_plan(request, can, Limits(sequences=8))


def check_refused(field: str, can: Capabilities = ABLE, **fields: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        plan(can, **fields)
    assert refused.value.param == field
    assert field in refused.value.message


def test_defaults_are_openais() -> None:
    """16 tokens at temperature 1, one text, no stop."""
    made = plan()
    assert (made.max_tokens, made.n, made.best_of, made.stops) == (16, 1, 1, ())
    assert made.sampling == Sampling(temperature=1.0, top_p=1.0, top_k=0, seed=None)
    assert [made.stream, made.echo, made.truncate, made.include_usage] == [False] * 4
    assert made.suffix is None


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        (None, ("",)),
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_all_kinds_of_prompts(prompt: object, prompts: object) -> None:
    """A text, texts, token ids, lists of token ids."""
    assert plan(prompt=prompt).prompts == prompts


def test_a_stop_that_is_a_string_is_one_stop() -> None:
    """FauxPilot took it apart into characters; empty ones and repetitions don't count."""
    assert plan(stop="\n\n").stops == ("\n\n",)
    assert plan(stop=["a", "", "a", "b"]).stops == ("a", "b")
    assert plan(stop=[]).stops == plan(stop=None).stops == ()


def test_frequency_penalty_zero_is_none() -> None:
    """FauxPilot sent OpenAI's neutral value on as a factor of 0."""
    assert plan(frequency_penalty=0).sampling.frequency_penalty == 0.0


def test_logit_bias_is_by_token_id() -> None:
    """JSON's keys are strings; a bias of 0 biases nothing."""
    assert plan(logit_bias={"7": -100, "8": 0}).sampling.logit_bias == {7: -100.0}


def test_seeds_fit_32_bits_and_move_on() -> None:
    """Any 64-bit seed works; the texts of one prompt have seeds of their own, always the same ones."""
    made = plan(seed=-1, n=2)
    assert made.seeded(0).seed == 2**31 - 1
    assert made.seeded(1).seed == 0
    assert plan(n=2).seeded(1).seed is None


def test_what_the_engine_cannot_do_names_the_field() -> None:
    """A model without fill-in-the-middle, an engine without log-probabilities."""
    check_refused("suffix", PLAIN, suffix="b")
    check_refused("logprobs", PLAIN, logprobs=0)
    check_refused("logprobs", PLAIN, logprobs=1)
    check_refused("best_of", PLAIN, best_of=2)


def test_neutral_values_need_nothing_of_the_engine() -> None:
    """They always pass."""
    made = plan(PLAIN, suffix="", fim_middle="", logprobs=None, best_of=1, n=1)
    assert made.suffix is None


def test_an_empty_suffix_is_a_suffix_for_a_model_that_can() -> None:
    """At the end of a file the text after the cursor is empty, and the prompt's layout should not change."""
    assert plan(suffix="").suffix == ""


def test_fields_that_contradict_each_other() -> None:
    """The field that has to change is named."""
    check_refused("fim_middle", fim_middle="x")
    check_refused("best_of", n=3, best_of=2)
    check_refused("best_of", best_of=2, stream=True)
    check_refused("echo", echo=True, logprobs=1)
    assert plan(n=2, best_of=2, stream=True).ranked is False


def test_how_much_one_request_may_ask_for() -> None:
    """Prompts times texts is bounded."""
    check_refused("prompt", prompt=["a"] * 9)
    check_refused("best_of", n=3, best_of=9)
    assert len(plan(prompt=["a"] * 4, n=2).prompts) == 4


def test_token_ids_beyond_the_vocabulary() -> None:
    """They are refused before an engine sees them."""
    check_refused("prompt", prompt=[1, 300])
    check_refused("prompt", prompt=[[1], [300]])
    check_refused("logit_bias", logit_bias={"300": 1})
