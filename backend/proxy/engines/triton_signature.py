"""What a model behind Triton offers, read from the configuration that its server gives. Pure.

The tensors are those of FasterTransformer's GPT-J backend (triton-inference-server/fastertransformer_backend, v1.1 to
v1.4), of which version 1.1 has a seed of 32 bits and no streaming; ours on the Python backend has a few more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .base import Device, EngineError
from .triton_request import KNOWN

if TYPE_CHECKING:
    from .triton_stream import Ending

CONTEXT_LENGTH = 2048
"""Of all CodeGen and GPT-J models; where a configuration does not say."""
MOST_ALTERNATIVES = 20
REQUIRED = frozenset({"input_ids", "input_lengths", "request_output_len"})
_REQUIRED_OUTPUTS = frozenset({"output_ids", "sequence_length"})
_ALTERNATIVES = frozenset({"top_log_probs_ids", "top_log_probs"})
_MOST_SLOTS = 64
_STREAMS = 16  # at once, of a server that does not say how many


@dataclass(frozen=True, slots=True)
class Signature:
    """One server's model. All that is not asked for in the configuration is taken from FasterTransformer."""

    decoupled: bool = False
    """Whether tokens come one by one; then only the streaming call works."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Types by name, as Triton spells them on the wire: ``UINT32``, ``FP32``, ..."""
    required: frozenset[str] = REQUIRED
    """Inputs that must be sent."""
    outputs: frozenset[str] = _REQUIRED_OUTPUTS
    context_length: int = CONTEXT_LENGTH
    rows: int | None = None
    """Rows of the vocabulary; None: the configuration does not say."""
    end_id: int | None = None
    slots: int = 2
    """Requests that are worth sending at once."""
    device: Device = "gpu"
    prefix_cache: bool = False
    """Whether a prompt that is only read (``max_tokens`` 0) is kept for the next one."""
    ending: "Ending" = "call"
    """How a stream that nobody wants any more is ended."""
    ours: bool = False
    """Whether it is our model on the Python backend, whose sampling and log-probabilities are exact."""

    @property
    def logprobs(self) -> int | None:
        """As in ``Capabilities``."""
        if "is_return_log_probs" not in self.inputs or "output_log_probs" not in self.outputs:
            return None
        alternatives = "top_log_probs_count" in self.inputs and self.outputs >= _ALTERNATIVES
        return MOST_ALTERNATIVES if alternatives else 0


def read_signature(config: Any) -> Signature:
    """What a ``ModelConfig`` message says. Raises ``EngineError`` if it is no FasterTransformer GPT-J's."""
    inputs = {entry.name: _dtype(entry.data_type) for entry in config.input}
    outputs = frozenset(entry.name for entry in config.output)
    missing = sorted((REQUIRED - inputs.keys()) | (_REQUIRED_OUTPUTS - outputs))
    if missing:
        raise EngineError(
            f"the model {config.name} has not FasterTransformer's signature for GPT-J: it lacks {', '.join(missing)}."
        )
    if config.max_batch_size < 1:
        raise EngineError(
            f"the model {config.name} takes no batches; FasterTransformer's takes at least one row."
        )
    required = frozenset(entry.name for entry in config.input if not entry.optional)
    unknown = sorted(name for name in required if name not in KNOWN or not inputs[name])
    if unknown:
        raise EngineError(f"the model {config.name} wants inputs that we do not know: {', '.join(unknown)}.")
    parameters = {key: value.string_value for key, value in config.parameters.items()}
    ours = parameters.get("engine") == "ctranslate2"
    decoupled = bool(config.model_transaction_policy.decoupled)
    return Signature(
        decoupled=decoupled,
        inputs=inputs,
        required=required,
        outputs=outputs,
        context_length=_number(parameters, "max_seq_len") or CONTEXT_LENGTH,
        rows=_number(parameters, "vocab_size"),
        end_id=_number(parameters, "end_id"),
        slots=_number(parameters, "slots") or _slots(config, decoupled=decoupled),
        device=_device(config, parameters),
        prefix_cache=bool(_number(parameters, "prefix_cache")),
        ours=ours,
    )


def _dtype(number: int) -> str:
    """A ``DataType`` of Triton's ``model_config.proto``, as requests spell it; empty: none that we send."""
    return {1: "BOOL", 4: "UINT32", 5: "UINT64", 8: "INT32", 9: "INT64", 11: "FP32"}.get(number, "")


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name, "").strip()
    return int(text) if text.isdecimal() and text.isascii() else None


def _slots(config: Any, *, decoupled: bool) -> int:
    """How many requests keep the model busy: what its instances run, and one that is on its way."""
    instances = sum(max(1, group.count) for group in config.instance_group) or 1
    batched = config.HasField("dynamic_batching") and config.max_batch_size > 1
    each = min(config.max_batch_size, _STREAMS) if batched else 1
    if decoupled and config.backend == "python":
        each = max(each, _STREAMS)  # it takes the next request while it streams
    return min(_MOST_SLOTS, max(2, instances * each + (not batched)))


def _device(config: Any, parameters: Mapping[str, str]) -> Device:
    """FasterTransformer runs on GPUs only, and manages them behind instances of the CPU kind."""
    named = parameters.get("device", "").lower()
    if named.startswith(("cuda", "gpu")):
        return "gpu"
    return "cpu" if config.backend == "python" else "gpu"
