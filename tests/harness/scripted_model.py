"""A model for Triton's Python backend that does as it is told: FasterTransformer's signature, no computation.

``triton_models.py`` copies it into a repository. It runs in Triton's own interpreter, which may be an older Python,
and imports nothing of ours. ``script.json`` beside the version folder says how it behaves and is read for each
request; to ``record.jsonl`` it appends a line when a request comes and one when it ends.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import triton_python_backend_utils as pb

Json = dict[str, Any]


class TritonPythonModel:
    """What the stub calls."""

    def initialize(self, args: Json) -> None:
        """Called once, in each instance."""
        folder = Path(args["model_repository"])
        config = json.loads(args["model_config"])
        self.decoupled = config.get("model_transaction_policy", {}).get("decoupled", False)
        self.running: WeakValueDictionary[str, Run] = WeakValueDictionary()
        self.script = folder / "script.json"
        self.record = os.open(folder / "record.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def execute(self, requests: Sequence[Any]) -> list[Any] | None:
        """Called with what Triton has put together."""
        script = json.loads(self.script.read_text())
        if not self.decoupled:
            return serve_together([Run(request, script, self.note) for request in requests], script)
        for request in requests:
            if any(tensor.name() == "cancel_id" for tensor in request.inputs()):
                self.cancel(request)
                continue
            run = Run(request, script, self.note)
            self.running[run.id] = run
            if script["blocking"]:
                stream(run)
            else:
                threading.Thread(target=stream, args=(run,), daemon=True).start()
        return None

    def cancel(self, request: Any) -> None:
        """End the request whose id is the number that this one brings; this one is answered with nothing."""
        (name,) = (tensor.as_numpy() for tensor in request.inputs() if tensor.name() == "cancel_id")
        run = self.running.get(str(name.flat[0]))
        if run is not None:
            run.stopped = True
        request.get_response_sender().send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def note(self, event: str, **more: Any) -> None:
        """Append a line to the record."""
        line = json.dumps({"event": event, "at": time.monotonic(), "pid": os.getpid(), **more})
        os.write(self.record, line.encode() + b"\n")


class Run:
    """One request: its inputs, and how many tokens it has got."""

    count = 0

    def __init__(self, request: Any, script: Json, note: Callable[..., None]) -> None:
        self.request, self.script, self.note = request, script, note
        self.id = request.request_id()
        self.inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        self.lengths = self.inputs["input_lengths"].reshape(-1).astype(int)
        self.wanted = int(self.inputs["request_output_len"].max())
        if script["end_after"] is not None:
            self.wanted = min(self.wanted, script["end_after"])
        self.done, self.ended = 0, False
        self.sent: list[float] = []
        self.stopped = False
        self.hung_up: Callable[[], bool] = request.is_cancelled
        Run.count += 1
        self.serial = Run.count
        inputs = {name: describe(value) for name, value in self.inputs.items()}
        note("request", serial=self.serial, id=self.id, inputs=inputs)

    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return self.stopped or self.hung_up()

    def end(self, how: str) -> None:
        """Record the end, once."""
        if not self.ended:
            self.ended = True
            self.note("end", serial=self.serial, id=self.id, how=how, tokens=self.done, sent=self.sent)

    def fault(self) -> str | None:
        """The fault that is due now, if any."""
        due = self.script["fault"] is not None and self.done >= self.script["fault_after"]
        return self.script["fault"] if due else None

    def token(self, index: int) -> int:
        """The token at a place of the answer."""
        last = self.script["end_after"] is not None and index == self.script["end_after"] - 1
        tokens = self.script["tokens"]
        return int(self.inputs["end_id"].flat[0]) if last else tokens[index % len(tokens)]

    def tensors(self) -> list[Any]:
        """The outputs as they are now, [B, 1, in + out] and [B, 1]: each response repeats the whole sequence."""
        rows, longest = len(self.lengths), int(self.lengths.max()) + self.done
        ids = np.zeros((rows, 1, longest), np.uint32)
        answer = [self.token(index) for index in range(self.done)]
        for row, length in enumerate(self.lengths):
            ids[row, 0, :length] = self.inputs["input_ids"][row, :length]
            ids[row, 0, length : length + self.done] = answer
        lengths = (self.lengths + self.done).astype(np.uint32).reshape(rows, 1)
        made = {"output_ids": ids, "sequence_length": lengths}
        if bool(self.inputs.get("is_return_log_probs", np.zeros(1)).flat[0]):
            logprobs = np.array([-0.125 * (1 + index % 8) for index in range(self.done)], np.float32)
            made["output_log_probs"] = np.tile(logprobs, (rows, 1, 1))
            made["cum_log_probs"] = made["output_log_probs"].sum(axis=2)
        garble(made, self.fault())
        return [pb.Tensor(name, value) for name, value in made.items()]


def garble(made: dict[str, Any], fault: str | None) -> None:
    """Make the outputs wrong in the way that a fault names."""
    ids, lengths = made["output_ids"], made["sequence_length"]
    if fault == "empty tensors":
        made["output_ids"], made["sequence_length"] = ids[:, :, :0], lengths[:, :0]
    elif fault == "no length":
        del made["sequence_length"]
    elif fault == "no ids":
        del made["output_ids"]
    elif fault == "length beyond":
        made["sequence_length"] = lengths + np.uint32(1000)
    elif fault == "length before":
        made["sequence_length"] = np.zeros_like(lengths)
    elif fault == "unknown ids":
        made["output_ids"] = np.full_like(ids, 4_000_000_000)
    elif fault == "flat":
        made["output_ids"] = ids.reshape(-1)
    elif fault == "floats":
        made["output_ids"] = ids.astype(np.float32)
    elif fault == "nan" and "output_log_probs" in made:
        made["output_log_probs"] = np.full_like(made["output_log_probs"], np.nan)


def serve_together(runs: list[Run], script: Json) -> list[Any]:
    """Unary: all requests of a batch, step by step; those that are cancelled end alone."""
    going = list(runs)
    answers: dict[Run, Any] = {}
    pause_all(going, script["seconds_before"], script)
    while True:
        for run in list(going):
            error = trouble(run)
            if error is None and run.done < run.wanted:
                continue
            answers[run] = error or pb.InferenceResponse(run.tensors())
            run.end("finished" if error is None else "stopped")
            going.remove(run)
        if not going:
            return [answers[run] for run in runs]
        pause_all(going, script["seconds_per_token"], script)
        for run in going:
            run.done += 1


def stream(run: Run) -> None:
    """Decoupled: a response for each token, the last one final."""
    sender = run.request.get_response_sender()
    run.hung_up = sender.is_cancelled
    pause_all([run], run.script["seconds_before"], run.script)
    while True:
        error = trouble(run)
        if error is not None or run.wanted == 0:
            run.end("stopped" if error else "finished")
            sender.send(
                error or pb.InferenceResponse(run.tensors()), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
            )
            return
        pause_all([run], run.script["seconds_per_token"], run.script)
        run.done += 1
        run.sent.append(time.monotonic())
        last = run.done >= run.wanted
        if last:
            run.end("finished")
        sender.send(
            pb.InferenceResponse(run.tensors()), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0
        )
        if last:
            return


def trouble(run: Run) -> Any:
    """The error with which a request ends now; None: it goes on. May hang, or end the process."""
    if run.cancelled():
        run.end("cancelled")
        return failure("cancelled", pb.TritonError.CANCELLED)
    fault = run.fault()
    if fault == "error":
        return failure("the model was told to fail", pb.TritonError.INTERNAL)
    if fault == "crash":
        os._exit(1)
    while fault == "hang" and not run.cancelled():
        time.sleep(run.script["cancel_poll"])
    return trouble(run) if fault == "hang" else None


def failure(message: str, code: int) -> Any:
    """A response that is an error."""
    return pb.InferenceResponse(error=pb.TritonError(message, code))


def pause_all(runs: list[Run], seconds: float, script: Json) -> None:
    """Sleep, but look now and then whether everybody has hung up; then it is over at once."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        if left <= 0 or all(run.cancelled() for run in runs):
            return
        time.sleep(min(left, script["cancel_poll"]))


def describe(value: Any) -> Json:
    """What of an input is recorded."""
    shown = value.reshape(-1)[:4096].tolist()
    return {"type": str(value.dtype), "shape": list(value.shape), "values": shown}
