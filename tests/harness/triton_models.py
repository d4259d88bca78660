"""Model repositories with a scripted model behind FasterTransformer's signature, for Triton's Python backend."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INPUTS = {
    "input_ids": ("UINT32", "[ -1 ]"),  # [B, longest prompt]
    "input_lengths": ("UINT32", "[ 1 ]"),
    "request_output_len": ("UINT32", "[ -1 ]"),  # [B, 1]
    "start_id": ("UINT32", "[ 1 ]"),
    "end_id": ("UINT32", "[ 1 ]"),
    "runtime_top_k": ("UINT32", "[ 1 ]"),
    "runtime_top_p": ("FP32", "[ 1 ]"),
    "temperature": ("FP32", "[ 1 ]"),
    "len_penalty": ("FP32", "[ 1 ]"),
    "repetition_penalty": ("FP32", "[ 1 ]"),
    "beam_search_diversity_rate": ("FP32", "[ 1 ]"),
    "random_seed": ("UINT64", "[ 1 ]"),
    "is_return_log_probs": ("BOOL", "[ 1 ]"),
    "beam_width": ("UINT32", "[ 1 ]"),
    "bad_words_list": ("INT32", "[ 2, -1 ]"),  # [B, 2, L]
    "stop_words_list": ("INT32", "[ 2, -1 ]"),
}
STREAM_INPUTS = {"cancel_id": ("UINT64", "[ 1 ]")}
"""Of a decoupled model: the id of the request that this one ends, instead of being one itself."""
REQUIRED = ("input_ids", "input_lengths", "request_output_len")
RAGGED = ("input_ids", "bad_words_list", "stop_words_list")
OUTPUTS = {
    "output_ids": ("UINT32", "[ -1, -1 ]"),  # [B, 1, in + out]
    "sequence_length": ("UINT32", "[ -1 ]"),  # [B, 1]
    "cum_log_probs": ("FP32", "[ -1 ]"),  # [B, 1]
    "output_log_probs": ("FP32", "[ -1, -1 ]"),  # [B, 1, out]
}
MODEL_NAME = "fastertransformer"
GARBAGE = (
    *("empty tensors", "no length", "no ids", "length beyond", "length before"),
    *("unknown ids", "flat", "floats", "nan"),
)
"""The faults that give wrong tensors; "nan" only where log-probabilities are asked for."""


@dataclass(frozen=True, slots=True)
class Script:
    """How the model behaves; it may be changed between requests."""

    tokens: Sequence[int] = (4299, 3601, 198)
    """What it answers, again and again: "def", " print", a line's end."""
    end_after: int | None = None
    """At which token of the answer the end token comes; None: never, as many tokens as are asked for."""
    seconds_before: float = 0.0
    """Before the first token, as a prompt is read."""
    seconds_per_token: float = 0.0
    cancel_poll: float = 0.005
    """Seconds between two looks at whether the client has hung up."""
    fault: str | None = None
    """``error``, ``hang`` (until cancelled), ``crash`` (of the stub), or one of GARBAGE."""
    fault_after: int = 0
    """Tokens before the fault."""
    blocking: bool = False
    """Whether a decoupled model serves one request after the other, so that others queue in Triton."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the model's configuration says."""

    name: str = MODEL_NAME
    instances: int = 2
    """Of the unary model; each serves one request, or one batch, at a time."""
    batching: bool = False
    """Whether requests that wait are put into one batch."""
    queue_size: int | None = None
    """Requests that may wait; needs Triton's dynamic batcher, so it turns batching on."""
    queue_microseconds: int = 0
    """After which a waiting request is refused; 0: never."""
    max_batch_size: int = 64
    seed_type: str = "UINT64"
    """``INT32`` for FauxPilot's backend 1.1."""
    absent: Sequence[str] = ()
    """Optional inputs that it does not have."""
    parameters: Mapping[str, str] = field(
        default_factory=lambda: {"max_seq_len": "2048", "vocab_size": "51200", "end_id": "50256"}
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the model's record."""

    event: str
    """``request`` or ``end``."""
    at: float
    """Seconds of the machine's monotonic clock, the same in every process."""
    pid: int
    serial: int
    """Counts the requests of one process: equal pid and serial are one request."""
    id: str
    """The request's id, if it had one."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Of a request: type, shape and the first values of each input tensor."""
    how: str = ""
    """Of an end: ``finished``, ``cancelled`` or ``stopped`` (by a fault)."""
    tokens: int = 0
    sent: Sequence[float] = ()
    """Of a decoupled request's end: when each of its tokens was sent."""


class ScriptedModel:
    """A repository with one such model. Unary; with ``config_name="decoupled"`` it streams."""

    def __init__(self, repository: Path, shape: Shape | None = None, **script: Any) -> None:
        self.repository = repository
        self.shape = shape or Shape()
        self._folder = repository / self.shape.name
        version = self._folder / "1"
        version.mkdir(parents=True)
        (self._folder / "configs").mkdir()
        (self._folder / "config.pbtxt").write_text(config_text(self.shape))
        (self._folder / "configs" / "decoupled.pbtxt").write_text(config_text(self.shape, decoupled=True))
        shutil.copy(Path(__file__).with_name("scripted_model.py"), version / "model.py")
        self._record = self._folder / "record.jsonl"
        self.script(**script)

    def script(self, **fields: Any) -> None:
        """Behave so from the next request on; what is not named has its default."""
        script = Script(**fields)
        text = json.dumps({name: getattr(script, name) for name in Script.__slots__})
        written = self._folder / "script.new"
        written.write_text(text)
        written.replace(self._folder / "script.json")

    def events(self) -> list[Event]:
        """What the model has seen, in order."""
        if not self._record.exists():
            return []
        *lines, _ = self._record.read_text().split("\n")
        return [Event(**json.loads(line)) for line in lines]

    def requests(self) -> list[Event]:
        """The requests that came."""
        return [event for event in self.events() if event.event == "request"]

    def ends(self, how: str | None = None) -> list[Event]:
        """The requests that ended, or those that ended so."""
        return [event for event in self.events() if event.event == "end" and how in (None, event.how)]

    def forget(self) -> None:
        """Empty the record."""
        if self._record.exists():
            self._record.write_text("")


def config_text(shape: Shape, *, decoupled: bool = False) -> str:
    """A config.pbtxt."""
    lines = [f'name: "{shape.name}"', 'backend: "python"', f"max_batch_size: {shape.max_batch_size}"]
    inputs = {**INPUTS, **(STREAM_INPUTS if decoupled else {}), "random_seed": (shape.seed_type, "[ 1 ]")}
    for name, (kind, dims) in inputs.items():
        if name in shape.absent:
            continue
        scalar = " reshape: { shape: [ ] }" if dims == "[ 1 ]" else ""
        optional = "" if name in REQUIRED else " optional: true"
        ragged = " allow_ragged_batch: true" if name in RAGGED else ""
        lines.append(
            f'input {{ name: "{name}" data_type: TYPE_{kind} dims: {dims}{scalar}{optional}{ragged} }}'
        )
    for name, (kind, dims) in OUTPUTS.items():
        lines.append(f'output {{ name: "{name}" data_type: TYPE_{kind} dims: {dims} }}')
    lines.append(f"instance_group {{ count: {1 if decoupled else shape.instances} kind: KIND_CPU }}")
    if shape.batching or shape.queue_size is not None:
        lines.append(f"dynamic_batching {{ max_queue_delay_microseconds: 2000 {_queue(shape)} }}")
    if decoupled:
        lines.append("model_transaction_policy { decoupled: true }")
    for name, value in shape.parameters.items():
        lines.append(f'parameters {{ key: "{name}" value: {{ string_value: "{value}" }} }}')
    return "\n".join(lines) + "\n"


def _queue(shape: Shape) -> str:
    if shape.queue_size is None:
        return ""
    timeout = f"timeout_action: REJECT default_timeout_microseconds: {shape.queue_microseconds}"
    return f"default_queue_policy {{ max_queue_size: {shape.queue_size} {timeout} }}"
