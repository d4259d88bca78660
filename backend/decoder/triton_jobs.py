"""Triton's requests as the scheduler's jobs, and its errors."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from .rows import DecodeError, QueueFull, Row, Step
from .tensors import Answer, InvalidRequest, Limits, read_rows

CANCEL_ID = "cancel_id"
"""The input, UINT64, by which a request names the one that it ends."""
CANCEL_POLL = 0.01
"""Seconds between two questions to Triton, each of which takes a fifth of a millisecond: less than a step."""


class _Job:
    """What both ways of answering share."""

    def __init__(self, request: Any, is_cancelled: Callable[[], bool]) -> None:
        self.rows: Sequence[Row] = ()
        self._request = request
        self._is_cancelled = is_cancelled
        self._hung_up = False
        self._asked = 0.0
        self._answer: Answer

    def read(self, limits: Limits) -> bool:
        """Read the tensors; False, and the request is answered, if they are no request."""
        try:
            tensors = {tensor.name(): tensor.as_numpy() for tensor in self._request.inputs()}
            self.rows = read_rows(tensors, limits)
            self._answer = Answer(self.rows)
        except Exception as error:  # noqa: BLE001 - a stub must outlive whatever a client sends
            self.fail(error)
            return False
        return True

    def cancelled(self) -> bool:
        """Whether the client hung up."""
        now = time.monotonic()
        if not self._hung_up and now - self._asked >= CANCEL_POLL:
            self._asked = now
            self._hung_up = bool(self._is_cancelled())
        return self._hung_up

    def fail(self, error: Exception) -> None:
        """Answer with an error."""
        raise NotImplementedError


class Waiting(_Job):
    """A request that gets one response."""

    def __init__(self, request: Any) -> None:
        super().__init__(request, request.is_cancelled)
        self._ended = threading.Event()
        self._response: Any = None

    def give(self, index: int, step: Step) -> bool:
        """See Job."""
        self._answer.take(index, step)
        return self.cancelled()

    def finish(self) -> None:
        """See Job."""
        self._end(_hung_up() if self._hung_up else _response(self._answer))

    def fail(self, error: Exception) -> None:
        """See Job."""
        self._end(_failure(error))

    def response(self) -> Any:
        """Wait for the end; what Triton is given."""
        self._ended.wait()
        return self._response

    def _end(self, response: Any) -> None:
        self._response = response
        self._ended.set()


class Streamed(_Job):
    """A request that gets a response for each token; each repeats the whole sequence, as FasterTransformer's do."""

    def __init__(self, request: Any) -> None:
        self._sender = request.get_response_sender()
        super().__init__(request, self._sender.is_cancelled)
        self._left = 0
        self._final = False

    def read(self, limits: Limits) -> bool:
        """See _Job."""
        readable = super().read(limits)
        self._left = len(self.rows)
        return readable

    def hang_up(self) -> None:
        """End it as though its client had hung up."""
        self._hung_up = True

    def give(self, index: int, step: Step) -> bool:
        """See Job."""
        if self.cancelled():
            return True
        self._answer.take(index, step)
        self._left -= step.last
        self._send(_response(self._answer), final=not self._left)
        return False

    def finish(self) -> None:
        """See Job."""
        if not self._final:
            self._send(_hung_up() if self._hung_up else _response(self._answer), final=True)

    def fail(self, error: Exception) -> None:
        """See Job."""
        if not self._final:
            self._send(_failure(error), final=True)

    def _send(self, response: Any, *, final: bool) -> None:
        import triton_python_backend_utils as pb

        self._final = final
        self._sender.send(response, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL if final else 0)


class Streams:
    """The requests that are streamed, by their ids, so that another request can end one.

    A client could cancel its call instead, but Triton 2.39 to 2.56 may crash of it: see triton_stream.py of the proxy.
    """

    def __init__(self) -> None:
        self._running: WeakValueDictionary[str, Streamed] = WeakValueDictionary()

    def open(self, requests: Sequence[Any]) -> list[Streamed]:
        """Jobs for the requests that want tokens; those that end another are carried out and answered with nothing."""
        jobs = []
        for request in requests:
            name = next((tensor for tensor in request.inputs() if tensor.name() == CANCEL_ID), None)
            if name is None:
                jobs.append(job := Streamed(request))
                self._running[request.request_id()] = job
            else:
                self._end(str(name.as_numpy().flat[0]), request.get_response_sender())
        return jobs

    def _end(self, request_id: str, sender: Any) -> None:
        import triton_python_backend_utils as pb

        if (job := self._running.get(request_id)) is not None:
            job.hang_up()
        sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _response(answer: Answer) -> Any:
    import triton_python_backend_utils as pb

    return pb.InferenceResponse([pb.Tensor(name, value) for name, value in answer.tensors().items()])


def _hung_up() -> Any:
    return _error("the client cancelled the request", "CANCELLED")


def _failure(error: Exception) -> Any:
    """Errors of ours say what is wrong. Of others only the kind is told: their text may hold the user's."""
    if isinstance(error, InvalidRequest):
        return _error(str(error), "INVALID_ARG")
    if isinstance(error, QueueFull):
        return _error(str(error), "UNAVAILABLE")
    return _error(
        str(error) if isinstance(error, DecodeError) else f"the model failed: {type(error).__name__}",
        "INTERNAL",
    )


def _error(message: str, code: str) -> Any:
    import triton_python_backend_utils as pb

    return pb.InferenceResponse(error=pb.TritonError(message, getattr(pb.TritonError, code)))
