"""llama.cpp's own HTTP API on loopback: what is sent, what comes back, and how its errors are called here."""

import json
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from .base import EngineError, EngineRefusal, EngineTimeout, EngineUnavailable, Sampling

_CONNECT_SECONDS = 5.0
NEUTRAL: Mapping[str, Any] = {
    # All that would bend the text if llama.cpp's defaults stood; the rest is off because `samplers` leaves it out.
    "samplers": ["temperature", "top_k", "top_p"],
    "min_p": 0.0,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "repeat_penalty": 1.0,
    "repeat_last_n": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "n_indent": 0,
    "n_keep": 0,
    "t_max_predict_ms": 0,
    "ignore_eos": False,
    "cache_prompt": True,
    "n_cache_reuse": 0,
    # Without it the last event repeats the whole prompt as text.
    "response_fields": [
        *(
            "content",
            "tokens",
            "stop",
            "stop_type",
            "tokens_predicted",
            "timings",
            "completion_probabilities",
        ),
    ],
}
_MOST_SEEDS = 2**32 - 1  # the highest 32-bit number means "random" to llama.cpp


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token's raw log-probability (natural logarithm, before bias and temperature)."""

    id: int
    raw: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()
    top_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The prompt is being read: ``done`` of its tokens are in the cache, ``cached`` were there before."""

    done: int
    cached: int


@dataclass(frozen=True, slots=True)
class Said:
    """Text came; ``token`` is the last of those it is made of, ``predicted`` how many there were in all."""

    text: str
    token: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event, or the whole answer to a question that was not streamed."""

    stop: str
    """``eos``, ``limit``, ``word`` or ``none``."""
    predicted: int
    cached: int
    read: int
    """Tokens of the prompt that had to be computed."""
    token: int | None = None
    score: TokenScore | None = None


Event = Reading | Said | Ended


class LlamaWire:
    """A client of one llama.cpp server. Every method raises ``EngineError`` or one of its subclasses only."""

    def __init__(self, address: str, key: str, *, answer_seconds: float) -> None:
        # Its keep-alive is broken: a second request on a connection hangs. No proxy stands before loopback, and no
        # certificate is ever looked at, so none are loaded.
        self._client = httpx.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(answer_seconds, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def close(self) -> None:
        """Close all connections; what they asked for ends."""
        await self._client.aclose()

    async def tokenize(self, text: str) -> list[int]:
        """Token ids; special tokens that are written out are plain text."""
        body = {"content": text, "add_special": False, "parse_special": False}
        with _mapped():
            return [int(token) for token in (await self._ask("/tokenize", body))["tokens"]]

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of token ids."""
        with _mapped():
            return str((await self._ask("/detokenize", {"tokens": list(tokens)}))["content"])

    async def context_length(self) -> int:
        """Tokens of one slot."""
        with _mapped():
            return int((await self._ask("/props"))["default_generation_settings"]["n_ctx"])

    async def busy_slots(self) -> int:
        """How many slots llama.cpp itself is working in."""
        with _mapped():
            return sum(bool(slot["is_processing"]) for slot in await self._ask("/slots"))

    async def complete(
        self,
        slot: int,
        prompt: Sequence[int],
        tokens: int,
        *,
        sampling: Mapping[str, Any],
        probabilities: int = 0,
    ) -> Ended:
        """Generate a few tokens and wait for the end; 0 only reads the prompt."""
        body = {**NEUTRAL, **sampling, "id_slot": slot, "prompt": list(prompt), "n_predict": tokens}
        body |= {"n_probs": probabilities, "return_tokens": True}
        with _mapped():
            return _ended(await self._ask("/completion", body))

    async def stream(
        self, slot: int, prompt: Sequence[int], tokens: int, *, sampling: Mapping[str, Any]
    ) -> AsyncGenerator[Event]:
        """Generate and tell everything as it comes; closing the iterator ends the work."""
        body = {**NEUTRAL, **sampling, "id_slot": slot, "prompt": list(prompt), "n_predict": tokens}
        # Each step of the prompt is told: only when something is sent, a closed connection is noticed.
        body |= {"stream": True, "return_progress": True}
        with _mapped():
            async with self._client.stream("POST", "/completion", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise _error(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        yield _event(json.loads(line[6:]))
                    elif line.startswith("error: "):
                        raise _error(500, line[7:].encode())

    async def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        if body is None:
            response = await self._client.get(path)
        else:
            response = await self._client.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            raise _error(response.status_code, response.content)
        return response.json()


def sampling_fields(sampling: Sampling) -> dict[str, Any]:
    """How the next token is drawn, in llama.cpp's words; without penalties, whose count it begins in the prompt."""
    return {
        "temperature": 0.0 if sampling.greedy else sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": -1 if sampling.seed is None else sampling.seed % _MOST_SEEDS,
        "logit_bias": [[token, bias] for token, bias in sampling.logit_bias.items()],
    }


def _event(said: Mapping[str, Any]) -> Event:
    if "error" in said:
        raise _error(int(said["error"].get("code", 500)), json.dumps(said).encode())
    if (progress := said.get("prompt_progress")) is not None:
        return Reading(int(progress["processed"]), int(progress["cache"]))
    if said.get("stop"):
        return _ended(said)
    return Said(str(said["content"]), int(said["tokens"][-1]), int(said["tokens_predicted"]))


def _ended(said: Mapping[str, Any]) -> Ended:
    timings, tokens, scores = said["timings"], said.get("tokens"), said.get("completion_probabilities")
    return Ended(
        stop=str(said["stop_type"]),
        predicted=int(said["tokens_predicted"]),
        cached=int(timings["cache_n"]),
        read=int(timings["prompt_n"]),
        token=int(tokens[-1]) if tokens else None,
        score=_score(scores[-1]) if scores else None,
    )


def _score(said: Mapping[str, Any]) -> TokenScore:
    top = said.get("top_logprobs", ())
    return TokenScore(
        id=int(said["id"]),
        raw=bytes(said["bytes"]),
        logprob=float(said["logprob"]),
        top=tuple((bytes(other["bytes"]), float(other["logprob"])) for other in top),
        top_ids=tuple(int(other["id"]) for other in top),
    )


def _error(status: int, body: bytes) -> EngineError:
    try:
        said = json.loads(body)
        error = said.get("error", said)
        kind, message = str(error.get("type", "")), str(error.get("message", ""))
    except (ValueError, AttributeError):
        kind, message = "", f"status {status}"
    if kind == "exceed_context_size_error":
        return EngineRefusal("The prompt does not fit into the model's context.", field="prompt")
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return EngineUnavailable(f"llama.cpp is not ready: {message}")
    return EngineError(f"llama.cpp answered {status}: {message}")


@contextmanager
def _mapped() -> Iterator[None]:
    """Foreign exceptions become ours here, and nowhere else."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise EngineUnavailable("llama.cpp takes no connection.") from error
    except httpx.TimeoutException as error:
        raise EngineTimeout("llama.cpp did not answer in time.") from error
    except (httpx.TransportError, RuntimeError) as error:
        # RuntimeError: httpx's word for a client that was closed meanwhile.
        raise EngineUnavailable(f"llama.cpp can't be reached ({type(error).__name__}).") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError(
            f"llama.cpp answered something else than expected ({type(error).__name__})."
        ) from error
