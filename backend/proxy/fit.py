"""Prompts as tokens that fit the context."""

from collections.abc import Sequence
from dataclasses import dataclass

from .engines.base import Engine
from .errors import BadRequest
from .plan import Plan, Prompt

_PLAIN_EXTRA = 1  # a beginning-of-text token
_FIM_EXTRA = 4  # that, and the three tokens around prefix, suffix and middle
_LONGEST_TOKEN = 16  # characters; longer ones are rare, and a prompt made of them is only cut a little early


@dataclass(frozen=True, slots=True)
class Fitted:
    """One prompt, ready for the engine."""

    tokens: Sequence[int]
    echo: str
    """The prompt's text if it is to be echoed, else empty."""


@dataclass(frozen=True, slots=True)
class Fit:
    """All prompts of a request, and what they share."""

    prompts: Sequence[Fitted]
    suffix: Sequence[int] | None
    middle: Sequence[int]


async def fit(plan: Plan, engine: Engine) -> Fit:
    """Tokenize, and cut or refuse what is too long. Raises ``BadRequest`` (context_length_exceeded)."""
    suffix = None if plan.suffix is None else await engine.tokenize(plan.suffix)
    middle = await engine.tokenize(plan.middle) if plan.middle else []
    beside = plan.max_tokens + len(suffix or ()) + len(middle)
    beside += _PLAIN_EXTRA if suffix is None else _FIM_EXTRA
    room = engine.capabilities.context_length - beside
    if room < (1 if plan.truncate else 0):
        raise _overflow(engine, beside, "suffix" if suffix else "max_tokens")
    return Fit([await _fit_one(prompt, plan, engine, room) for prompt in plan.prompts], suffix, middle)


async def _fit_one(prompt: Prompt, plan: Plan, engine: Engine, room: int) -> Fitted:
    if isinstance(prompt, str):
        text = prompt
        if plan.truncate:
            # Tokenizing megabytes in order to drop them would keep everybody waiting.
            text = text[steady_drop(len(text), room * _LONGEST_TOKEN) :]
        tokens = await engine.tokenize(text)
        if len(tokens) > room and plan.truncate:
            text = at_line_start(await engine.detokenize(tokens[steady_drop(len(tokens), room) :]))
            tokens = await engine.tokenize(text)
            # The cut may have joined characters into other tokens than before.
            tokens = tokens[max(0, len(tokens) - room) :]
        echo = prompt if plan.echo else ""
    else:
        tokens = list(prompt[steady_drop(len(prompt), room) if plan.truncate else 0 :])
        echo = await engine.detokenize(prompt) if plan.echo else ""
    if len(tokens) > room:
        raise _overflow(engine, engine.capabilities.context_length - room + len(tokens), "prompt")
    return Fitted(tokens, echo)


def steady_drop(length: int, room: int) -> int:
    """How much to cut from the start of something that grows at its end, so that ``room`` is left or less.

    The cut moves on in steps of a quarter of the room: between two steps the start of what is left stands
    still, and an engine finds it in its prefix cache.
    """
    over = length - room
    step = max(1, room // 4)
    return 0 if over <= 0 else min(length, -(-over // step) * step)


def at_line_start(text: str) -> str:
    """The text from its first whole line on; a text of one line only loses a broken first character."""
    _, end, rest = text.partition("\n")
    return rest if end and rest else text.lstrip("\ufffd")


def _overflow(engine: Engine, wanted: int, field: str) -> BadRequest:
    can = engine.capabilities
    return BadRequest(
        f"{field}: the request needs {wanted} tokens, {can.model}'s context has {can.context_length}.",
        param=field,
        code="context_length_exceeded",
    )
