"""What a request may hold, and what is said about one that holds something else."""

import json
from typing import Any

import pytest

from pilotfish.backend.proxy.errors import BadRequest
from pilotfish.backend.proxy.schemas import CompletionRequest, CopilotRequest, parse


def check_passes(**fields: Any) -> None:
    parse(CompletionRequest, json.dumps({"prompt": "x", **fields}).encode())


def check_refused(param: str, **fields: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(CompletionRequest, json.dumps({"prompt": "x", **fields}).encode())
    assert refused.value.param == param
    assert param in refused.value.message


NEUTRAL: dict[str, Any] = {
    "model": None,
    "prompt": None,
    "suffix": None,
    "max_tokens": None,
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "n": None,
    "best_of": None,
    "stop": None,
    "stream": None,
    "stream_options": None,
    "logprobs": None,
    "echo": None,
    "seed": None,
    "presence_penalty": None,
    "frequency_penalty": None,
    "logit_bias": None,
    "user": None,
    "truncate": None,
    "fim_middle": None,
}


@pytest.mark.parametrize("field", NEUTRAL)
def test_null_passes_everywhere(field: str) -> None:
    """Null means the default, for every field there is."""
    assert set(NEUTRAL) == set(CompletionRequest.model_fields)
    check_passes(**{field: None})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("best_of", 1),
        ("n", 1),
        ("stop", []),
        ("stop", ""),
        ("stop", [""]),
        ("logit_bias", {}),
        ("stream_options", {}),
        ("stream_options", {"include_usage": None}),
        ("presence_penalty", 0),
        ("frequency_penalty", 0),
        ("top_k", 0),
        ("top_p", 1),
        ("temperature", 0),
        ("max_tokens", 0),
        ("max_tokens", 5.0),
        ("seed", -1),
        ("prompt", ["a", "b"]),
        ("prompt", [1, 2]),
        ("prompt", [[1], [2, 3]]),
        ("prompt", ""),
        ("logit_bias", {"50256": -100}),
    ],
)
def test_neutral_and_plain_values_pass(field: str, value: object) -> None:
    """What OpenAI's clients send is understood."""
    check_passes(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", 5),
        ("prompt", []),
        ("prompt", [[]]),
        ("prompt", ["a", 1]),
        ("prompt", [1, "a"]),
        ("prompt", [-1]),
        ("prompt", [1.5]),
        ("prompt", {"text": "x"}),
        ("max_tokens", -1),
        ("max_tokens", 1.5),
        ("max_tokens", "5"),
        ("max_tokens", True),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", "warm"),
        ("top_p", -0.1),
        ("top_p", 1.1),
        ("top_k", -1),
        ("n", 0),
        ("n", -3),
        ("n", 1000),
        ("best_of", 0),
        ("logprobs", -1),
        ("logprobs", 6),
        ("logprobs", True),
        ("stop", 5),
        ("stop", [5]),
        ("stop", ["a"] * 17),
        ("stream", "yes"),
        ("stream", 1),
        ("echo", "no"),
        ("seed", "x"),
        ("seed", 2**63),
        ("presence_penalty", 2.5),
        ("frequency_penalty", -2.5),
        ("logit_bias", {"5": 101}),
        ("logit_bias", {"word": 1}),
        ("logit_bias", [1]),
        ("user", 7),
        ("truncate", "right"),
        ("suffix", 1),
        ("model", 1),
    ],
)
def test_wrong_values_are_refused_by_name(field: str, value: object) -> None:
    """The error names the field, in words and as `param`."""
    check_refused(field, **{field: value})


def test_unknown_fields_are_refused_by_name() -> None:
    """Nothing that might change the text is silently ignored."""
    check_refused("repetition_penalty", repetition_penalty=1.1)
    check_refused("stream_options.x", stream_options={"x": 1})


def test_copilot_route_drops_extras() -> None:
    """Copilot's clients send fields that only Copilot's server knows."""
    body = b'{"prompt": "x", "extra": {"language": "python"}, "nwo": "a/b", "max_tokens": 5}'
    assert parse(CopilotRequest, body).max_tokens == 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"prompt": "x",}', "invalid_json"),
        (b"[]", "invalid_json"),
        (b"null", "invalid_json"),
        (b'"text"', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"n": ' + b"9" * 5000 + b"}", "invalid_json"),
        (b'{"prompt": "\\ud800"}', "invalid_json"),
        (b'{"prompt": "\xff\xfe"}', "invalid_encoding"),
        (b'{"prompt": "x", "temperature": NaN}', "invalid_value"),
        (b'{"prompt": "x", "temperature": Infinity}', "invalid_value"),
        (b'{"prompt": "x", "temperature": 1e999}', "invalid_value"),
        (b"{}", "missing_field"),
        (b'{"prompt": "x", "prompt_": 1}', "unknown_field"),
    ],
)
def test_malformed_bodies(body: bytes, code: str) -> None:
    """What is no JSON object of ours is a 400 with a code that says in which way."""
    with pytest.raises(BadRequest) as refused:
        parse(CompletionRequest, body)
    assert refused.value.code == code


def test_errors_do_not_repeat_the_text() -> None:
    """An error message may end up in a log: it never holds what was in the prompt."""
    with pytest.raises(BadRequest) as refused:
        parse(CompletionRequest, b'{"prompt": {"secret": "hunter2"}, "stop": "hunter2"}')
    assert "hunter2" not in json.dumps(refused.value.envelope())
