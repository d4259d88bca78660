"""Events of a completion as OpenAI's JSON: one object, or a stream of chunks."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from .completion import Delta, Spent
from .engines.base import EngineError
from .errors import ApiError, from_engine
from .logprobs import merge

DONE = b"data: [DONE]\n\n"


def _new_id() -> str:
    return f"cmpl-{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all objects of one answer share."""

    model: str
    id: str = field(default_factory=_new_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def wrap(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """A completion object around the choices."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **more,
        }


async def as_object(events: AsyncIterator[Delta | Spent], envelope: Envelope) -> dict[str, Any]:
    """The whole answer, when all of it has come."""
    choices: dict[int, list[Delta]] = {}
    spent = Spent()
    async for event in events:
        if isinstance(event, Spent):
            spent = event
        else:
            choices.setdefault(event.index, []).append(event)
    return envelope.wrap([_whole(choices[index]) for index in sorted(choices)], usage=usage(spent))


async def as_chunks(
    events: AsyncGenerator[Delta | Spent], envelope: Envelope, *, include_usage: bool
) -> AsyncGenerator[bytes]:
    """Server-sent events. A late error is told in the stream, which then ends without [DONE]."""
    no_usage = {"usage": None} if include_usage else {}
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Delta):
                    yield _sse(envelope.wrap([_choice(event)], **no_usage))
                elif include_usage:
                    yield _sse(envelope.wrap([], usage=usage(event)))
    except EngineError as error:
        yield _sse(from_engine(error).envelope())
    except ApiError as error:
        yield _sse(error.envelope())
    else:
        yield DONE


def usage(spent: Spent) -> dict[str, Any]:
    """Token counts as OpenAI names them."""
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens},
    }


def _whole(deltas: list[Delta]) -> dict[str, Any]:
    logprobs = [delta.logprobs for delta in deltas if delta.logprobs is not None]
    whole = Delta(
        index=deltas[0].index,
        text="".join(delta.text for delta in deltas),
        logprobs=merge(logprobs) if logprobs else None,
        finish_reason=deltas[-1].finish_reason,
    )
    return _choice(whole)


def _choice(delta: Delta) -> dict[str, Any]:
    return {
        "text": delta.text,
        "index": delta.index,
        "logprobs": delta.logprobs,
        "finish_reason": delta.finish_reason,
    }


def _sse(data: Mapping[str, Any]) -> bytes:
    from fastapi.sse import format_sse_event

    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False, separators=(",", ":")))
