"""The tensors of FasterTransformer's GPT-J in Triton, and how a configuration writes them down. Pure.

Names, types and shapes are those of ``all_models/gptj/fastertransformer`` of
triton-inference-server/fastertransformer_backend, v1.1 to v1.4. Whatever runs the model answers to these.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MODEL_NAME = "fastertransformer"
"""What clients call the model, whatever runs it; also its folder in the repository."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output, without the batch's dimension."""

    name: str
    type: str
    dims: tuple[int, ...] = (1,)
    """-1: any."""
    scalar: bool = False
    """One number for each row, sent as [rows, 1] and seen as [rows]."""
    optional: bool = True


def inputs(*, wide_seed: bool) -> Iterator[Tensor]:
    """What a request may bring. The seed had 32 bits before FasterTransformer 5.1, which could stream, and 64 since."""
    yield Tensor("input_ids", "UINT32", (-1,), optional=False)  # [rows, tokens]
    yield Tensor("input_lengths", "UINT32", scalar=True, optional=False)
    yield Tensor("request_output_len", "UINT32", (-1,), optional=False)  # [rows, 1]
    yield Tensor("start_id", "UINT32", scalar=True)
    yield Tensor("end_id", "UINT32", scalar=True)
    yield Tensor("runtime_top_k", "UINT32", scalar=True)
    yield Tensor("runtime_top_p", "FP32", scalar=True)
    yield Tensor("beam_search_diversity_rate", "FP32", scalar=True)
    yield Tensor("temperature", "FP32", scalar=True)
    yield Tensor("len_penalty", "FP32", scalar=True)
    yield Tensor("repetition_penalty", "FP32", scalar=True)
    yield Tensor("random_seed", "UINT64" if wide_seed else "INT32", scalar=True)
    yield Tensor("is_return_log_probs", "BOOL", scalar=True)
    yield Tensor("beam_width", "UINT32", scalar=True)
    yield Tensor("bad_words_list", "INT32", (2, -1))  # [rows, 2, length]
    yield Tensor("stop_words_list", "INT32", (2, -1))  # [rows, 2, length]


OUTPUTS = (
    Tensor("output_ids", "UINT32", (-1, -1)),  # [rows, 1, prompt + completion]
    Tensor("sequence_length", "UINT32", (-1,)),  # [rows, 1]
    Tensor("cum_log_probs", "FP32", (-1,)),  # [rows, 1]
    Tensor("output_log_probs", "FP32", (-1, -1)),  # [rows, 1, completion]
)
"""What is answered; log-probabilities only where they were asked for."""


def input_text(tensor: Tensor, *, ragged: bool = False) -> str:
    """An input's line; ``ragged`` lets Triton merge requests of different lengths, if what runs the model can."""
    parts = [_tensor_text(tensor)]
    if tensor.scalar:
        parts.append("reshape { shape: [ ] }")
    if ragged and -1 in tensor.dims:
        parts.append("allow_ragged_batch: true")
    if tensor.optional:
        parts.append("optional: true")
    return f"input {{ {' '.join(parts)} }}"


def output_text(tensor: Tensor) -> str:
    """An output's line."""
    return f"output {{ {_tensor_text(tensor)} }}"


def parameter_text(key: str, value: str) -> str:
    """A parameter's line."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'parameters {{ key: "{key}" value: {{ string_value: "{quoted}" }} }}'


def _tensor_text(tensor: Tensor) -> str:
    dims = ", ".join(map(str, tensor.dims))
    return f'name: "{tensor.name}" data_type: TYPE_{tensor.type} dims: [ {dims} ]'
