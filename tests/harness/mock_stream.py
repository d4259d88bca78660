"""The completions of the mock backend: tokens on a clock, faults, and the moment the client goes."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from harness.mock_behaviour import Behaviour, Call
from harness.mock_text import Answer, answer, continuation, count_tokens, shared_prefix

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
SSE_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]


class ClientGoneError(Exception):
    """The client closed its connection before the response was complete."""


class BrokenOffError(Exception):
    """A fault was asked for that ends the response without an end."""


def error_envelope(message: str, code: str | None) -> dict[str, Any]:
    """OpenAI's error body."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


class Exchange:
    """One request on its way: what to do, what to write down, and how to notice that nobody listens."""

    def __init__(self, call: Call, behaviour: Behaviour, receive: Receive, send: Send) -> None:
        self.call = call
        self.behaviour = behaviour
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    async def pause_until(self, due: float) -> None:
        """Wait for `due` (monotonic). Raises ClientGoneError as soon as the client is gone."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        try:
            # Also with nothing to wait for: lets the loop see a disconnect between two tokens.
            await asyncio.wait_for(self._gone.wait(), max(0.0, due - time.monotonic()))
        except TimeoutError:
            await asyncio.sleep(0)
        if self._gone.is_set():
            raise ClientGoneError

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Hand one ASGI message to the server."""
        await self._send(message)

    def release(self) -> None:
        """Stop watching for the client's end."""
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.call.outcome == "open":
            self.call.disconnected = time.monotonic()
            self.call.outcome = "disconnected"
        self._gone.set()


async def complete(exchange: Exchange, previous_prompt: str) -> None:
    """Answer one valid completion request as the behaviour says; never raises for a client that goes."""
    call, behaviour = exchange.call, exchange.behaviour
    body = call.body
    call.status = 200
    answers = _answers(behaviour, body)
    usage = _usage(body, behaviour, previous_prompt, answers)
    write = _stream if body.get("stream") else _whole
    try:
        await write(exchange, answers, usage)
    except ClientGoneError:
        return
    except BrokenOffError:
        call.outcome = "fault"
    finally:
        exchange.release()


def _answers(behaviour: Behaviour, body: dict[str, Any]) -> list[Answer]:
    text = behaviour.text
    if behaviour.policy == "continue":
        typed = body["prompt"] + (body.get("fim_middle") or "")
        text = continuation(
            behaviour.reference, typed, diverge_at=behaviour.diverge_at, divergence=behaviour.divergence
        )
    stop = body.get("stop") or []
    stops: Sequence[str] = [stop] if isinstance(stop, str) else stop
    limit = 16 if body.get("max_tokens") is None else int(body["max_tokens"])
    if not behaviour.limits:
        stops, limit = (), len(text)
    texts = [text, *behaviour.alternatives]
    first = int(body.get("seed") or 0) % len(texts)
    texts = texts[first : first + (body.get("n") or 1)]
    texts += [text] * ((body.get("n") or 1) - len(texts))
    return [answer(each, token_chars=behaviour.token_chars, max_tokens=limit, stop=stops) for each in texts]


def _usage(
    body: dict[str, Any], behaviour: Behaviour, previous_prompt: str, answers: list[Answer]
) -> dict[str, Any]:
    size = behaviour.token_chars
    prompt = count_tokens(body["prompt"] + (body.get("suffix") or "") + (body.get("fim_middle") or ""), size)
    completion = sum(len(each.tokens) for each in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": shared_prefix(previous_prompt, body["prompt"]) // size},
    }


def _chunk(body: dict[str, Any], choices: list[dict[str, Any]], usage: object = None) -> dict[str, Any]:
    return {
        "id": "cmpl-mock",
        "object": "text_completion",
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": choices,
        **({"usage": usage} if usage is not None else {}),
    }


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}


async def _whole(exchange: Exchange, answers: list[Answer], usage: dict[str, Any]) -> None:
    call, behaviour = exchange.call, exchange.behaviour
    tokens = max(len(each.tokens) for each in answers)
    await exchange.pause_until(call.received + behaviour.first_token + behaviour.per_token * tokens)
    if behaviour.fault == "hang":
        await exchange.pause_until(float("inf"))
    choices = [_choice(index, "".join(each.tokens), each.finish_reason) for index, each in enumerate(answers)]
    good = json.dumps(_chunk(call.body, choices, usage), ensure_ascii=False).encode()
    data = {
        "malformed_json": good[: len(good) // 2],
        "malformed_sse": b"no JSON at all",
        "half_utf8": good[:-1] + b"\xe2\x82",
        "wrong_shape": b'{"choices": {"text": 1}}',
        "empty": json.dumps(_chunk(call.body, [], usage)).encode(),
        "close": good[: len(good) // 2],
    }.get(behaviour.fault or "", good)
    length = len(good) if behaviour.fault == "close" else len(data)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(length).encode())]
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
    if behaviour.fault == "close":
        await exchange.send({"type": "http.response.body", "body": data, "more_body": True})
        raise BrokenOffError
    call.first = time.monotonic()
    call.sent = list(answers[0].tokens)
    call.outcome = "complete" if behaviour.fault is None else "fault"
    await exchange.send({"type": "http.response.body", "body": data})


async def _stream(exchange: Exchange, answers: list[Answer], usage: dict[str, Any]) -> None:
    call, behaviour = exchange.call, exchange.behaviour
    await exchange.send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
    due = call.received + behaviour.first_token
    longest = max(len(each.tokens) for each in answers)
    for position in range(longest):
        if behaviour.fault is not None and position >= behaviour.fault_after:
            break
        await exchange.pause_until(due)
        for index, each in enumerate(answers):
            if position < len(each.tokens):
                await _event(exchange, _chunk(call.body, [_choice(index, each.tokens[position], None)]))
        call.first = call.first or time.monotonic()
        call.sent += answers[0].tokens[position : position + 1]
        due += behaviour.per_token
    await exchange.pause_until(due)
    if behaviour.fault is not None:
        await _fault(exchange, answers)
    await _finish(exchange, answers, usage)


async def _finish(exchange: Exchange, answers: list[Answer], usage: dict[str, Any]) -> None:
    call = exchange.call
    for index, each in enumerate(answers):
        await _event(exchange, _chunk(call.body, [_choice(index, "", each.finish_reason)]))
    if (call.body.get("stream_options") or {}).get("include_usage"):
        await _event(exchange, _chunk(call.body, [], usage))
    call.first = call.first or time.monotonic()
    call.outcome = "complete" if exchange.behaviour.fault is None else "fault"
    await exchange.send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _fault(exchange: Exchange, answers: list[Answer]) -> None:
    """What goes wrong in a stream; returns where the rest of the response is to follow properly."""
    call, fault = exchange.call, exchange.behaviour.fault
    broken = {
        "malformed_json": b'data: {"choices": [{"text": "never seen\n\n',
        "malformed_sse": b'event\xff\n:::\ndata {"choices"\n\nnonsense\n\n',
        "half_utf8": b'data: {"choices": [{"index": 0, "text": "never seen \xe2\x82',
        "wrong_shape": b'data: {"choices": {"text": 1}}\n\ndata: 17\n\ndata: {"choices": [null]}\n\n',
    }
    if fault == "hang":
        await exchange.pause_until(float("inf"))
    if fault in broken:
        await exchange.send({"type": "http.response.body", "body": broken[fault], "more_body": True})
    if fault in {"close", "half_utf8"}:
        raise BrokenOffError
    if fault == "empty":
        answers.clear()
    if fault in {"malformed_json", "malformed_sse", "wrong_shape"}:
        # A broken event stood for a token: whoever skips it shows a text with a hole.
        lost = 0 if fault == "malformed_sse" else 1
        for token in answers[0].tokens[exchange.behaviour.fault_after + lost :]:
            await _event(exchange, _chunk(call.body, [_choice(0, token, None)]))


async def _event(exchange: Exchange, content: dict[str, Any]) -> None:
    data = b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"
    pieces = [data]
    if exchange.behaviour.split_utf8:
        # One byte into the first character that has several, or simply in the middle.
        cut = next((at + 1 for at, byte in enumerate(data) if byte >= 0xC0), len(data) // 2)
        pieces = [data[:cut], data[cut:]]
    for piece in pieces:
        await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
        if len(pieces) > 1:
            await exchange.pause_until(time.monotonic() + 0.002)  # so that they leave as two writes
