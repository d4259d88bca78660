"""One channel to one Triton server, by its gRPC service; the only place that knows gRPC and its errors.

The service and its messages: protocol/extension_*.md of triton-inference-server/server, ``grpc_service.proto`` of
triton-inference-server/common. ``tritonclient`` brings them; its own client is not used, since its streams can't say
how an error came about.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from .base import EngineBusy, EngineError, EngineTimeout, EngineUnavailable
from .triton_request import Tensor
from .triton_signature import Signature, read_signature
from .triton_stream import CANCEL_ID, Ending, Stream, ending

_OPTIONS = (
    # gRPC's own waits grow to two minutes: a server that is back would not be found for as long.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 2000),  # how long one attempt to connect may take
    # A container that is back often has another address; gRPC looks a name up at most every 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 500),
    # Channels to one address share their connection and its waits otherwise.
    ("grpc.use_local_subchannel_pool", 1),
    # A company's proxy for the web is none for the machine beside.
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
_FULL = ("Exceeds maximum queue size", "Request timeout expired")
_UNREACHED = ("failed to connect", "DNS resolution failed")
_NO_GRPC = ("failed to connect to all addresses; last error: UNAVAILABLE",)
"""A connection was made, and whoever took it did not go on with HTTP/2."""
_CLOSE_SECONDS = 1.0
"""For the ends of what still runs when the channel is closed."""
_LONGEST_DETAIL = 300  # characters of a server's message that are passed on


class NotSent(EngineUnavailable):
    """The server was not reached, so that another one can be asked instead."""


class Unsuitable(EngineError):
    """The server's model is none that we can ask."""


class TritonWire:
    """One server. All methods raise subclasses of ``EngineError`` that name its address."""

    def __init__(self, url: str, model: str, *, tls_ca: bytes | None = None, answer_seconds: float) -> None:
        self.url = url
        self._model = model
        self._answer_seconds = answer_seconds
        if tls_ca is None:
            self._channel = grpc.aio.insecure_channel(url, options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates=tls_ca)
            self._channel = grpc.aio.secure_channel(url, credentials, options=_OPTIONS)
        self._stub = GRPCInferenceServiceStub(self._channel)
        self._streams: set[Stream] = set()
        self._broken = ""

    @property
    def heard(self) -> float:
        """When the stream that is silent longest gave its last response, by the loop's clock; now if none runs."""
        now = asyncio.get_running_loop().time()
        return min((stream.heard for stream in self._streams), default=now)

    def abort(self, why: str) -> None:
        """End all streams with ``EngineUnavailable``: their server is known to be broken and may never do so."""
        self._broken = why
        for stream in self._streams:
            stream.abort()

    async def close(self) -> None:
        """End all calls and the connection."""
        self._broken = ""
        leaving = [stream.leave() for stream in self._streams]
        if leaving:
            await asyncio.wait(leaving, timeout=_CLOSE_SECONDS)
        await self._channel.close()
        await asyncio.gather(*leaving, return_exceptions=True)

    async def model_ready(self, seconds: float) -> bool:
        """Whether the model can be asked; False: the server is there, but says no."""
        request = messages.ModelReadyRequest(name=self._model)
        with self._mapped():
            return bool((await self._stub.ModelReady(request, timeout=seconds)).ready)

    async def server_ready(self, seconds: float) -> bool:
        """Whether the server has started, whatever its models do."""
        with self._mapped():
            return bool((await self._stub.ServerReady(messages.ServerReadyRequest(), timeout=seconds)).ready)

    async def index(self, seconds: float) -> dict[str, tuple[str, str]]:
        """The models in the repository, each with its state (``READY``, ``LOADING``, ...) and the reason for it."""
        with self._mapped():
            found = await self._stub.RepositoryIndex(messages.RepositoryIndexRequest(), timeout=seconds)
        return {entry.name: (entry.state, entry.reason) for entry in found.models}

    async def signature(self, seconds: float) -> Signature:
        """What the model offers. Raises ``Unsuitable`` for one that we can't speak with."""
        request = messages.ModelConfigRequest(name=self._model)
        with self._mapped():
            answer = await self._stub.ModelConfig(request, timeout=seconds)
            server = await self._stub.ServerMetadata(messages.ServerMetadataRequest(), timeout=seconds)
        try:
            signature = read_signature(answer.config)
            how = ending(can_cancel=CANCEL_ID in signature.inputs, version=server.version)
            return replace(signature, ending=how)
        except EngineError as error:
            raise Unsuitable(f"Triton at {self.url}: {error}") from error

    async def infer(self, tensors: Sequence[Tensor], outputs: Sequence[str]) -> Any:
        """Ask a model that answers once. Cancelling the task cancels the request at the server."""
        with self._mapped():
            call = self._stub.ModelInfer(self._request(tensors, outputs), timeout=self._answer_seconds)
            try:
                return await call
            finally:
                call.cancel()

    @asynccontextmanager
    async def stream(
        self, tensors: Sequence[Tensor], outputs: Sequence[str], *, how: Ending = "call"
    ) -> AsyncGenerator[AsyncGenerator[Any]]:
        """Ask a decoupled model: the responses as they come. Leaving it ends, in this way, what is not finished."""
        request = self._request(tensors, outputs)
        key = secrets.randbits(63)
        request.id = str(key)
        cancel = Tensor(CANCEL_ID, "UINT64", (1, 1), key.to_bytes(8, "little"))
        with self._mapped():
            stream = Stream(
                self._stub.ModelStreamInfer(),
                request,
                how=how,
                cancel=lambda: self._tell(self._request([*tensors, cancel], outputs)),
            )
        self._streams.add(stream)
        responses = self._responses(stream)
        try:
            yield responses
        finally:
            stream.leave().add_done_callback(lambda _: self._streams.discard(stream))
            await responses.aclose()

    async def _responses(self, stream: Stream) -> AsyncGenerator[Any]:
        with self._mapped():
            async with aclosing(stream.responses(self._answer_seconds)) as responses:
                async for response in responses:
                    if text := response.error_message:
                        raise _ours(_status(text), text, self.url)
                    yield response.infer_response

    async def _tell(self, request: Any) -> None:
        """Send a request to a decoupled model that answers it with nothing."""
        call = self._stub.ModelStreamInfer()
        try:
            await call.write(request)
            await call.done_writing()
            while await call.read() is not grpc.aio.EOF:
                pass
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
            pass  # the request that was meant notices the same

    def _request(self, tensors: Sequence[Tensor], outputs: Sequence[str]) -> Any:
        inputs = [
            messages.ModelInferRequest.InferInputTensor(name=t.name, datatype=t.dtype, shape=t.shape)
            for t in tensors
        ]
        wanted = [messages.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
        return messages.ModelInferRequest(
            model_name=self._model,
            inputs=inputs,
            outputs=wanted,
            raw_input_contents=[tensor.raw for tensor in tensors],
        )

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Make gRPC's errors ours."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise _ours(error.code(), error.details() or "", self.url) from error
        except TimeoutError as error:
            raise EngineTimeout(
                f"Triton at {self.url} gave nothing for {self._answer_seconds:g} s."
            ) from error
        except grpc.aio.UsageError as error:
            raise EngineUnavailable(f"the channel to Triton at {self.url} is closed.") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancels the task: gRPC says so of calls that were aborted, or whose channel was closed.
            raise EngineUnavailable(
                self._broken or f"the channel to Triton at {self.url} is closed."
            ) from error


def read_certificates(path: Path) -> bytes:
    """The file of ``--tls-ca``. Raises ``EngineError`` that names it."""
    try:
        found = path.read_bytes()
    except OSError as error:
        raise EngineError(f"--tls-ca: can't read {path}: {error.strerror}.") from error
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise EngineError(f"--tls-ca: {path} holds no certificate in PEM format.")
    return found


_Mapped = tuple[grpc.StatusCode, tuple[str, ...], type[EngineError], str]
_STATUSES: Sequence[_Mapped] = (
    (grpc.StatusCode.UNAVAILABLE, _FULL, EngineBusy, "the queue of Triton at {url} is full: {said}."),
    (
        grpc.StatusCode.UNAVAILABLE,
        _NO_GRPC,
        NotSent,
        "no Triton answers at {url}: {said}. Is that its gRPC port (8001 unless told otherwise), and is TLS spoken by "
        "both or none (--tls-ca)?",
    ),
    (grpc.StatusCode.UNAVAILABLE, _UNREACHED, NotSent, "no Triton answers at {url}: {said}."),
    (grpc.StatusCode.UNAVAILABLE, ("",), EngineUnavailable, "Triton at {url} is not available: {said}."),
    (grpc.StatusCode.NOT_FOUND, ("",), EngineUnavailable, "Triton at {url} has lost its model: {said}."),
    (grpc.StatusCode.CANCELLED, ("",), EngineUnavailable, "Triton at {url} ended the request: {said}."),
    (grpc.StatusCode.DEADLINE_EXCEEDED, ("",), EngineTimeout, "Triton at {url} did not answer in time."),
)
"""A status and a part of what is said with it, what that means to us, and how we say it; the first that fits."""


_UNTAKEN = ((_FULL, grpc.StatusCode.UNAVAILABLE), (("unknown model",), grpc.StatusCode.NOT_FOUND))
"""What a stream says of a request that was not taken, whatever we ask for: a text, without the status beside it."""


def _status(text: str) -> grpc.StatusCode:
    fitting = (status for signs, status in _UNTAKEN if any(sign in text for sign in signs))
    return next(fitting, grpc.StatusCode.INTERNAL)


def _ours(code: grpc.StatusCode, details: str, url: str) -> EngineError:
    """What a status of gRPC means to us."""
    for status, signs, kind, message in _STATUSES:
        if code is status and any(sign in details for sign in signs):
            return kind(message.format(url=url, said=_shortened(details)))
    return EngineError(f"Triton at {url}: {_shortened(details)}.")


def _shortened(details: str) -> str:
    one_line = " ".join(details.split()).rstrip(".")
    return one_line if len(one_line) <= _LONGEST_DETAIL else f"{one_line[:_LONGEST_DETAIL]}..."
