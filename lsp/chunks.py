"""From a completion's JSON, whole or in pieces, to chunks of text. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilotfish.lsp.backend_errors import ProtocolError

REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, in tokens, as the backend counted."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """How many of the prompt's were still known from an earlier request."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a completion."""

    text: str
    finish_reason: str | None = None
    """``stop`` or ``length`` in the last chunk of a choice."""
    index: int = 0
    """Which of ``n`` choices it belongs to."""
    usage: Usage | None = None
    """Comes once, with or after the last text."""


class BrokenText(Exception):
    """A choice's text holds a character that the server could not decode; what came before it is sound."""

    def __init__(self, sound: Chunk) -> None:
        super().__init__("undecodable character")
        self.sound = sound


class Reader:
    """Reads the events of one answer in order, and puts together characters that were split between them."""

    def __init__(self) -> None:
        self._held: dict[int, str] = {}

    def read(self, event: Mapping[str, object]) -> Iterator[Chunk]:
        """Yield the chunks in one event, or in a whole answer.

        Raises:
            ProtocolError: it is not a completion's.
            BrokenText: from here on the text is not to be used.

        """
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise ProtocolError("the backend's answer is not a completion")
        usage = _usage(event.get("usage"))
        for choice in choices:
            yield self._chunk(choice, usage)
            usage = None
        if usage is not None:
            yield Chunk("", usage=usage)

    def _chunk(self, choice: object, usage: Usage | None) -> Chunk:
        if not isinstance(choice, Mapping):
            raise ProtocolError("the backend's answer is not a completion")
        text, index, reason = choice.get("text") or "", choice.get("index") or 0, choice.get("finish_reason")
        if not isinstance(text, str) or not isinstance(index, int) or {"delta", "message"} & choice.keys():
            raise ProtocolError("the backend's answer is not a completion")
        whole, self._held[index] = _join(self._held.get(index, "") + text, last=reason is not None)
        sound, broken, _ = whole.partition(REPLACEMENT)
        chunk = Chunk(sound, reason if isinstance(reason, str) and not broken else None, index, usage)
        if broken:
            raise BrokenText(chunk)
        return chunk


def parse_event(data: str | bytes) -> Mapping[str, object]:
    """Parse one event's data or a whole body.

    Raises:
        ProtocolError: it is not a JSON object.

    """
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise ProtocolError("the backend's answer is not valid JSON") from None
    if not isinstance(event, dict):
        raise ProtocolError("the backend's answer is not a JSON object")
    return event


def _join(text: str, *, last: bool) -> tuple[str, str]:
    r"""Put surrogate pairs together that JSON escapes spelled in halves (``\ud83d`` and then ``\ude00``).

    Returns the sound text, and half a character at its end that waits for the next piece.
    """
    if text.isascii():
        return text, ""
    held = text[-1] if "\ud800" <= text[-1] <= "\udbff" and not last else ""
    whole = text[: len(text) - len(held)]
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), held


def _usage(value: object) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    prompt, completion = value.get("prompt_tokens"), value.get("completion_tokens")
    if not isinstance(prompt, int):
        return None
    return Usage(
        prompt, completion if isinstance(completion, int) else 0, cached if isinstance(cached, int) else 0
    )
