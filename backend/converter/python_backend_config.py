"""``config.pbtxt`` of the model in Triton's Python backend: FasterTransformer's signature, and a little more. Pure.

Names, types and shapes are those of FasterTransformer's GPT-J backend (``all_models/gptj/fastertransformer`` of
triton-inference-server/fastertransformer_backend, v1.1 to v1.4), so that its clients need not change. What that
backend had no input for has an optional one here; clients find out by reading the configuration.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from . import signature
from .signature import MODEL_NAME, Tensor, input_text, output_text, parameter_text

MOST_ROWS = 128
"""Sequences that may be decoded together; of one request, or of several that were merged."""
_QUEUE_DELAY = 2000
"""Microseconds that a request waits for others to share its batch: little beside one token."""
_QUEUE_SIZE = 512
"""Requests that may wait. One more is refused at once instead of being answered too late."""


@dataclass(frozen=True, slots=True)
class PythonBackendConfig:
    """What the model's configuration says of one model."""

    positions: int = 2048
    """Tokens that a prompt and its completion may have together."""
    rows: int = 51200
    """Of the vocabulary."""
    start_id: int = 50256
    end_id: int = 50256
    slots: int = 4
    """Requests that are decoded at the same time."""
    device: str = "auto"
    """``auto``, ``cuda`` or ``cpu``: the model chooses it itself when it starts."""
    kept_megabytes: int = 512
    """Memory for the states of prompt beginnings, of the GPU where the model is on one; 0: none are kept."""
    compute_type: str = "default"
    """CTranslate2's type to compute in; ``default`` is what the weights are stored in, where the device can."""


def inputs(*, decoupled: bool) -> Iterator[Tensor]:
    """What a request may bring. FasterTransformer's seed has 64 bits where it can stream, and 32 in FauxPilot's."""
    yield from signature.inputs(wide_seed=decoupled)
    # Not FasterTransformer's, or not at the versions above:
    yield Tensor("presence_penalty", "FP32", scalar=True)
    yield Tensor("frequency_penalty", "FP32", scalar=True)
    yield Tensor("logit_bias_ids", "UINT32", (-1,))  # [rows, tokens]
    yield Tensor("logit_bias_values", "FP32", (-1,))  # [rows, tokens]
    yield Tensor("top_log_probs_count", "UINT32", scalar=True)
    if decoupled:
        yield Tensor(
            "cancel_id", "UINT64", scalar=True
        )  # ends the request with this id, and asks for nothing


OUTPUTS = (
    *signature.OUTPUTS,
    Tensor("top_log_probs_ids", "UINT32", (-1, -1, -1)),  # [rows, 1, completion, count]
    Tensor("top_log_probs", "FP32", (-1, -1, -1)),  # [rows, 1, completion, count]
)
"""What is answered; log-probabilities only where they were asked for."""


def model_config(config: PythonBackendConfig, *, decoupled: bool) -> str:
    """The text of ``config.pbtxt``: unary, or ``decoupled`` to send each token as it comes; a model can't be both.

    Triton merges requests of different lengths, but only those that bring the same inputs.
    The instance is one of Triton's CPU kind wherever it runs: the kind decides only where Triton itself would put
    tensors, a GPU kind keeps a server without one from starting, and a second instance would load the weights again.
    """
    lines = [f'name: "{MODEL_NAME}"', 'backend: "python"', f"max_batch_size: {MOST_ROWS}", ""]
    lines += [input_text(tensor, ragged=True) for tensor in inputs(decoupled=decoupled)]
    lines += [output_text(tensor) for tensor in OUTPUTS]
    lines += ["", "instance_group { count: 1 kind: KIND_CPU }"]
    if decoupled:
        # The model puts together what waits. Triton's batcher, which now and then sleeps for half a second over a
        # request, has nothing to add.
        lines.append("model_transaction_policy { decoupled: true }")
    else:
        lines += [
            "dynamic_batching {",
            f"  max_queue_delay_microseconds: {_QUEUE_DELAY}",
            f"  default_queue_policy {{ max_queue_size: {_QUEUE_SIZE} }}",
            "}",
        ]
    lines += ["", *(parameter_text(key, value) for key, value in parameters(config).items()), ""]
    return "\n".join(lines)


def parameters(config: PythonBackendConfig) -> Mapping[str, str]:
    """What the model and its clients read out of the configuration."""
    return {
        "engine": "ctranslate2",
        "max_seq_len": str(config.positions),
        "vocab_size": str(config.rows),
        "start_id": str(config.start_id),
        "end_id": str(config.end_id),
        "slots": str(config.slots),
        "device": config.device,
        "compute_type": config.compute_type,
        "prefix_cache": str(config.kept_megabytes),
    }
