"""What ``pilotfish complete`` shows of one question and its answer. Pure."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought to light. Times are in milliseconds."""

    model: str
    prompt: str
    suffix: str | None
    middle: str
    raw: str
    text: str | None
    overwrite: int
    connect_ms: float
    first_ms: float | None
    total_ms: float
    prompt_tokens: int | None
    cached_tokens: int | None


def report(answer: Answer, *, as_json: bool) -> str:
    """Write everything down, for people or as one JSON object with the fields of ``Answer``."""
    return _as_json(answer) if as_json else _as_text(answer)


def _as_json(answer: Answer) -> str:
    return json.dumps(asdict(answer), ensure_ascii=False, indent=2) + "\n"


def _as_text(answer: Answer) -> str:
    first = "none" if answer.first_ms is None else f"{answer.first_ms:.0f} ms"
    known = answer.prompt_tokens is not None
    tokens = f"prompt {answer.prompt_tokens}, of them cached {answer.cached_tokens}" if known else "not told"
    parts = [
        f"model     {answer.model}",
        f"time      connect {answer.connect_ms:.0f} ms, first token {first}, all {answer.total_ms:.0f} ms",
        f"tokens    {tokens}",
        _boxed("prompt", answer.prompt),
    ]
    if answer.suffix is not None:
        parts.append(_boxed("suffix", answer.suffix))
    if answer.middle:
        parts.append(_boxed("middle", answer.middle))
    parts.append(_boxed("raw answer", answer.raw))
    parts.append(_boxed("suggestion", "nothing to show" if answer.text is None else answer.text))
    return "\n".join(parts) + "\n"


def _boxed(title: str, text: str) -> str:
    # A model's control characters are no commands for this terminal.
    shown = "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )
    return f"--- {title}\n{shown}\n---"
