"""The model in Triton's Python backend, with FasterTransformer's signature: unary, or decoupled token by token.

Triton calls the methods of ``TritonPythonModel``; see
https://github.com/triton-inference-server/python_backend . One instance holds the weights once and decodes as many
requests at a time as the configuration's parameter ``slots`` says.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .decoder import Decoder
from .rows import END_OF_TEXT
from .scheduler import Scheduler
from .tensors import POSITIONS, Limits
from .triton_jobs import Streams, Waiting

WEIGHTS = "weights"
"""The CTranslate2 model's folder, in the version's."""


class TritonPythonModel:
    """What Triton's stub calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model. What is raised here is shown in Triton's log, and the model is not ready."""
        config = json.loads(args["model_config"])
        found = {name: value["string_value"] for name, value in config.get("parameters", {}).items()}
        self._decoupled = bool(config.get("model_transaction_policy", {}).get("decoupled", False))
        decoder = Decoder(
            Path(args["model_repository"]) / args["model_version"] / WEIGHTS,
            device=found.get("device", "auto"),
            compute_type=found.get("compute_type", "default"),
            slots=int(found.get("slots", 1)),
            threads=int(found.get("threads", 0)),
            prefix_cache=int(found.get("prefix_cache", 0)),
        )
        self._limits = Limits(
            vocab_size=decoder.vocab_size,
            positions=int(found.get("max_seq_len", POSITIONS)),
            start_id=int(found.get("start_id", found.get("end_id", END_OF_TEXT))),
            end_id=int(found.get("end_id", END_OF_TEXT)),
        )
        self._scheduler = Scheduler(decoder)
        self._streams = Streams()

    def execute(self, requests: Sequence[Any]) -> list[Any] | None:
        """Answer requests: a decoupled model in threads, a unary one with the responses that it returns."""
        if self._decoupled:
            streamed = self._streams.open(requests)
            self._scheduler.submit([job for job in streamed if job.read(self._limits)])
            return None
        waiting = [Waiting(request) for request in requests]
        self._scheduler.submit([job for job in waiting if job.read(self._limits)])
        return [job.response() for job in waiting]

    def finalize(self) -> None:
        """Triton unloads the model."""
        self._scheduler.close()
