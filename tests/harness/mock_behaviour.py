"""How the mock backend behaves, and what it remembers of each request."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

FAULTS = (
    "malformed_json",  # a body (or an event) that is not JSON
    "malformed_sse",  # lines that mean nothing in a stream, between good ones (without a stream: no JSON)
    "half_utf8",  # the stream ends inside a character
    "close",  # the connection is closed without an end of the response
    "hang",  # nothing more comes, and the connection stays open
    "wrong_shape",  # valid JSON of another shape
    "empty",  # no choices at all, and a proper end
)
MODEL: Mapping[str, Any] = {
    "id": "mock-model",
    "object": "model",
    "created": 1700000000,
    "owned_by": "mock",
    "context_length": 4096,
    "fim": False,
    "prefix_cache": True,
    "engine": "mock",
    "device": "gpu",
    "slots": 2,
    "extensions": [],
}
"""One entry of `/v1/models`, with our extension fields."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the mock does with the requests that start while this holds. Times are seconds."""

    first_token: float = 0.0
    """From the request to its first token."""
    per_token: float = 0.0
    """Between two tokens."""
    token_chars: int = 4
    policy: str = "fixed"
    """`fixed`: the answer is `text`. `continue`: how `reference` goes on after the prompt."""
    text: str = "compute(items)\n"
    alternatives: tuple[str, ...] = ()
    """Texts of choices 1, 2, …, and of seeds 1, 2, …; choices beyond them repeat the first."""
    reference: str = ""
    diverge_at: int | None = None
    """Offset in `reference` after which an answer begun before it goes on with `divergence`."""
    divergence: str = ""
    status: int = 200
    """Status of completions; anything but 200 is an OpenAI error envelope."""
    retry_after: str | None = None
    fault: str | None = None
    """One of FAULTS."""
    fault_after: int = 0
    """Tokens sent properly before the fault."""
    split_utf8: bool = False
    """Writes each event in two pieces, cut inside a character if it has one of several bytes."""
    limits: bool = True
    """Whether `max_tokens` and `stop` are obeyed."""
    health: int = 200
    """Status of `/health`."""
    version: str = ""
    """What `/health` says that it is a version of."""
    models_status: int = 200
    """Status of `/v1/models`."""
    models_delay: float = 0.0
    api_key: str | None = None
    """The key that `Authorization: Bearer` must carry; None: anyone."""
    strict_model: bool = True
    """A `model` that is not in `models` is a 404."""
    models: tuple[Mapping[str, Any], ...] = (MODEL,)

    def changed(self, changes: Mapping[str, Any]) -> "Behaviour":
        """This with some fields replaced. ValueError names a field, policy or fault that does not exist.

        `model` is a short cut: fields to change in the first entry of `models`.
        """
        values = dict(changes)
        if (model := values.pop("model", None)) is not None:
            values["models"] = ({**self.models[0], **model}, *self.models[1:])
        if unknown := values.keys() - {known.name for known in fields(self)}:
            message = f"no such behaviour: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        if values.get("policy", self.policy) not in {"fixed", "continue"}:
            message = f"no such policy: {values['policy']}"
            raise ValueError(message)
        if values.get("fault", self.fault) not in {None, *FAULTS}:
            message = f"no such fault: {values['fault']}"
            raise ValueError(message)
        for name in ("alternatives", "models"):
            if name in values:
                values[name] = tuple(values[name])
        return replace(self, **values)


@dataclass(slots=True)
class Call:
    """One request as the mock saw it. Times are `time.monotonic()`, which all processes of a host share."""

    id: int
    method: str
    path: str
    client: str
    """Peer address and port: two requests with the same one came over one connection."""
    received: float
    body: Any = None
    authorized: bool = True
    status: int | None = None
    first: float | None = None
    """When the first token was handed to the socket."""
    end: float | None = None
    disconnected: float | None = None
    """When the client was seen to be gone; None if it stayed."""
    sent: list[str] = field(default_factory=list)
    """Tokens handed to the socket (of choice 0)."""
    outcome: str = "open"
    """open, complete, disconnected, fault, or error (a status other than 200)."""

    def to_json(self) -> dict[str, Any]:
        """The call as the log endpoint returns it."""
        return asdict(self)
