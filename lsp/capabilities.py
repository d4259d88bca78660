"""What ``/v1/models`` says of a backend's models, in our own words and in those of other servers. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pilotfish.lsp.backend_errors import ModelNotFound, ProtocolError

SHOWN_NAMES = 12
DEVICES = {"cpu": "cpu", "gpu": "gpu"}


@dataclass(frozen=True, slots=True)
class BackendModel:
    """One model, as far as its backend tells about it; what it does not tell is taken as absent."""

    id: str
    """The name to ask for."""
    context_length: int | None = None
    """Tokens that prompt and completion share, where known."""
    fim: bool = False
    """Whether the field ``suffix`` is understood."""
    prefix_cache: bool = False
    """Whether a prompt that begins like the one before costs only what is new."""
    whole_indents: bool = False
    """Whether a prompt may end with the whole indentation of a line: its tokens never join with a word."""
    device: str = "unknown"
    """``cpu``, ``gpu`` or ``unknown``."""
    slots: int | None = None
    """How many requests are worked on at once, where known."""
    extensions: frozenset[str] = frozenset()
    """Names of our own request fields that the backend understands."""
    aliases: frozenset[str] = frozenset()
    """Other names of the model."""
    ours: bool = False
    """Whether a Pilotfish serves it."""


def parse_models(answer: object) -> list[BackendModel]:
    """Read the body of ``/v1/models``.

    Raises:
        ProtocolError: it is not a list of models at all. What is odd about a single model is passed over.

    """
    entries = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(entries, list):
        raise ProtocolError("the backend's /v1/models is not a list of models")
    return [
        _model(entry) for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)
    ]


def choose_model(models: Sequence[BackendModel], wanted: str) -> BackendModel:
    """Return the wanted model, by its name or an alias; without a wish the first.

    Raises:
        ModelNotFound: the backend does not have it; the message lists those that it has.

    """
    for model in models:
        if wanted in {"", model.id} or wanted in model.aliases:
            return model
    raise model_not_found(wanted, [model.id for model in models])


def model_not_found(wanted: str, available: Sequence[str]) -> ModelNotFound:
    """Build the error that names what there is instead."""
    if not available:
        return ModelNotFound(
            "the backend has no model at all" if not wanted else f"the backend has no model {wanted}"
        )
    names = ", ".join(available[:SHOWN_NAMES]) + (", …" if len(available) > SHOWN_NAMES else "")
    return ModelNotFound(
        f"the backend has no model {wanted!r}: set backend.model to one of {names}", available=available
    )


def _model(entry: Mapping[str, object]) -> BackendModel:
    return BackendModel(
        id=str(entry["id"]),
        context_length=next(_context_lengths(entry), None),
        fim=entry.get("fim") is True,
        prefix_cache=entry.get("prefix_cache") is True,
        whole_indents=entry.get("whole_indents") is True,
        device=DEVICES.get(str(entry.get("device")), "unknown"),
        slots=_positive(entry.get("slots")),
        extensions=_names(entry.get("extensions")),
        aliases=_names(entry.get("aliases")),
        ours=entry.get("owned_by") == "pilotfish",
    )


def _context_lengths(entry: Mapping[str, object]) -> Iterator[int]:
    """Yield what different servers call the context length, the most reliable first."""
    meta = entry.get("meta")
    inner = meta if isinstance(meta, Mapping) else {}
    candidates = (
        entry.get("context_length"),  # ours, OpenRouter
        entry.get("max_model_len"),  # vLLM, SGLang
        entry.get("loaded_context_length"),  # LM Studio
        inner.get("n_ctx"),  # llama.cpp: a slot's
        entry.get("context_window"),
        entry.get("max_context_length"),
        # llama.cpp: what the model was trained for. It may run with less, but old versions say nothing else.
        inner.get("n_ctx_train"),
    )
    for candidate in candidates:
        length = _positive(candidate)
        if length is not None:
            yield length


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()
    )
