"""The mock backend over real HTTP: streams, what it records, and how it fails when told to."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from harness.mock_behaviour import FAULTS
from harness.processes import MockBackend

BODY = {"model": "mock-model", "prompt": "x = ", "max_tokens": 16}


@pytest.fixture
def http(mock: MockBackend) -> Iterator[httpx.Client]:
    """A client of the mock."""
    with httpx.Client(base_url=mock.url, trust_env=False, timeout=5) as client:
        yield client


@pytest.fixture
async def async_http(mock: MockBackend) -> AsyncIterator[httpx.AsyncClient]:
    """The same for tests that poll meanwhile."""
    async with httpx.AsyncClient(base_url=mock.url, trust_env=False, timeout=5) as client:
        yield client


def _events(text: str) -> list[Any]:
    payloads = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert payloads[-1] == "[DONE]"
    return [json.loads(payload) for payload in payloads[:-1]]


def test_stream_and_whole_answer_hold_the_same_text(mock: MockBackend, http: httpx.Client) -> None:
    """A stream's tokens joined are the text of the request without a stream; usage comes if asked for."""
    mock.configure(text="f(\u00fc, \u6f22)\nmore", split_utf8=True)
    whole = http.post("/v1/completions", json={**BODY, "stop": ["\n"]}).json()
    streamed = http.post(
        "/v1/completions",
        json={**BODY, "stop": ["\n"], "stream": True, "stream_options": {"include_usage": True}},
    )
    events = _events(streamed.content.decode())
    assert (
        "".join(e["choices"][0]["text"] for e in events if e["choices"])
        == whole["choices"][0]["text"]
        == "f(\u00fc, \u6f22)"
    )
    assert events[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_choices_are_told_apart(mock: MockBackend, http: httpx.Client) -> None:
    """With n > 1 each choice streams its own text under its index."""
    mock.configure(text="one", alternatives=["two"])
    events = _events(http.post("/v1/completions", json={**BODY, "stream": True, "n": 3}).text)
    choices = [choice for event in events for choice in event["choices"]]
    texts = ["".join(c["text"] for c in choices if c["index"] == index) for index in range(3)]
    assert texts == ["one", "two", "one"]


async def test_a_client_that_goes_is_recorded(mock: MockBackend, async_http: httpx.AsyncClient) -> None:
    """Closing a stream shows in the log as a disconnect, with what had been sent until then."""
    mock.configure(text="abcdefgh", token_chars=1, per_token=30.0)
    async with async_http.stream("POST", "/v1/completions", json={**BODY, "stream": True}) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        before = mock.completions()[0]
    calls = await mock.wait_for(lambda calls: calls[0].disconnected is not None)
    assert before.outcome == "open"
    assert (calls[0].outcome, calls[0].sent) == ("disconnected", ["a"])
    assert calls[0].first is not None
    assert calls[0].disconnected is not None
    assert calls[0].received <= calls[0].first <= calls[0].disconnected


async def test_a_client_that_goes_before_the_first_token_is_recorded(
    mock: MockBackend, async_http: httpx.AsyncClient
) -> None:
    """A hang ends when its client goes, and nothing was sent."""
    mock.configure(fault="hang")
    async with async_http.stream("POST", "/v1/completions", json={**BODY, "stream": True}):
        pass
    calls = await mock.wait_for(lambda calls: calls[0].disconnected is not None)
    assert calls[0].sent == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", sorted({*FAULTS} - {"hang"}))
def test_every_fault_breaks_the_answer(
    mock: MockBackend, http: httpx.Client, fault: str, stream: bool
) -> None:
    """No client can read a faulty answer as the whole text, and the log calls it a fault."""
    mock.configure(text="abcdefgh", fault=fault, fault_after=1)
    try:
        response = http.post("/v1/completions", json={**BODY, "stream": stream})
        choices = _events(response.content.decode(errors="replace")) if stream else [response.json()]
        text = "".join(choice["text"] for each in choices for choice in each["choices"])
    except (httpx.RemoteProtocolError, ValueError, TypeError):
        text = ""
    assert (text == "abcdefgh") is (stream and fault == "malformed_sse")  # noise that a reader may pass over
    assert mock.completions()[0].outcome == "fault"


def test_keys_models_and_statuses(mock: MockBackend, http: httpx.Client) -> None:
    """Wrong key 401, unknown model 404, a status and a model as told."""
    mock.configure(api_key="sk-mock", model={"fim": True, "extensions": ["warm"]})
    assert http.get("/v1/models").status_code == 401
    headers = {"authorization": "Bearer sk-mock"}
    model = http.get("/v1/models", headers=headers).json()["data"][0]
    assert (model["id"], model["fim"], model["extensions"]) == ("mock-model", True, ["warm"])
    mock.configure(api_key=None)
    assert http.post("/v1/completions", json={**BODY, "model": "other"}).status_code == 404
    mock.configure(status=429, retry_after="2")
    refused = http.post("/v1/completions", json=BODY)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert [call.status for call in mock.log()] == [401, 200, 404, 429]


def test_unknown_behaviour_is_refused(mock: MockBackend) -> None:
    """A misspelt behaviour fails the test that asks for it, instead of changing nothing."""
    with pytest.raises(ValueError, match="first_tokn"):
        mock.configure(first_tokn=1)
    with pytest.raises(ValueError, match="no such fault"):
        mock.configure(fault="earthquake")
