"""One completion request, and the JSON that a server of the OpenAI kind takes for it. Pure."""

from dataclasses import dataclass
from typing import Any

from pilotfish.lsp.capabilities import BackendModel
from pilotfish.lsp.fim_templates import FimTemplate


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What to complete, independent of how a server wants it written."""

    prompt: str
    """The text before the cursor, or before the current line when ``middle`` holds that line's beginning."""
    suffix: str | None = None
    """The text after the cursor; None: left to right."""
    middle: str = ""
    """The typed part of the current line, which stands after the middle marker and is continued."""
    max_tokens: int = 32
    """The longest answer; 0 has the prompt evaluated and nothing generated."""
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    stop: tuple[str, ...] = ()
    """Texts before which the answer ends."""
    n: int = 1
    """How many alternatives to answer with."""
    seed: int | None = None
    """Makes sampling repeatable."""


def request_body(
    request: CompletionRequest, model: BackendModel, template: FimTemplate | None = None, *, stream: bool
) -> dict[str, Any]:
    """Build the JSON of a request.

    What is ours alone goes only to models that announce it; ``template`` is for servers that take no suffix.
    """
    prompt, suffix, stop = request.prompt, request.suffix, request.stop
    body: dict[str, Any] = {"model": model.id}
    if suffix is not None and template is not None:
        prompt, suffix, stop = template.render(prompt, suffix, request.middle), None, (*stop, *template.stop)
    elif request.middle and suffix is not None and "fim_middle" in model.extensions:
        body["fim_middle"] = request.middle
    else:
        prompt += request.middle
    body |= {"prompt": prompt, "max_tokens": request.max_tokens, "temperature": request.temperature}
    if suffix is not None:
        body["suffix"] = suffix
    if stop:
        body["stop"] = list(stop)
    if request.n != 1:
        body["n"] = request.n
    if request.seed is not None:
        body["seed"] = request.seed
    if "truncate" in model.extensions:
        body["truncate"] = "left"
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body
