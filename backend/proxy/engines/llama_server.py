"""llama.cpp's server in this process: loaded, started, stopped."""

import asyncio
import ctypes
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotfish.backend.models.errors import BadModelFileError
from pilotfish.backend.models.fim_tokens import KNOWN_TOKENS
from pilotfish.backend.models.gguf_metadata import GgufMetadata, read_metadata

from .base import Device, EngineError, EngineTimeout
from .llama_memory import Fit, available_memory, decode_threads, default_threads, fit_context
from .llama_wire import LlamaWire

CPU_BATCH = 128
"""Tokens that are computed at once, at most.

A batch can't be interrupted, and slots that work at the same time share it. Measured with SmolLM2-135M Q8_0 on two
cores, tokens per second of a cold prefill: 16: 330, 32: 345, 48: 390, 64: 480, 96: 515, 128: 540, 512: 585; so larger
ones gain little. The engine hands over prompts in pieces of at most this, sized by time; see ``llama.py``.
"""
_GPU_BATCH = 1024
OPENMP_SETTINGS = {"OMP_WAIT_POLICY": "passive"}
"""What OpenMP finds in the environment of a process that serves, unless the user has set it otherwise.

By default its threads wait for each other in a busy loop, which ruins everything as soon as other programs want the
processors too (a build in the editor's terminal is enough). Measured with three servers on two cores, tokens per
second of prefill and decode: 12 and 0.5 as it comes, 270 and 65 with this; alone 650 and 100 with it, 690 and 130
without.
"""
_UNLOAD_SECONDS = 1.0
_READ = 16 * 1024 * 1024
_LOADING = threading.Lock()  # llama.cpp keeps its shutdown handler in a global variable


@dataclass(frozen=True, slots=True)
class LlamaSettings:
    """How a model is served by llama.cpp."""

    path: Path
    """A GGUF file."""
    name: str
    """How requests and answers spell the model."""
    slots: int = 2
    """Requests that are worked on at once: one to type in, one to warm the next window in."""
    context: int = 4096
    """Tokens that a request and its answer may use; less if the model or the memory says so."""
    threads: int | None = None
    """None: one for each core."""
    cache_mib: int = 256
    """Memory for prompts that lost their slot."""
    load_seconds: float = 600.0
    """How long loading may take."""
    answer_seconds: float = 60.0
    """How long llama.cpp may be silent while it works for a request."""


@dataclass(slots=True)
class Loaded:
    """A running server; ``unload`` ends it."""

    server: Any
    address: str
    key: str
    metadata: GgufMetadata
    fit: Fit
    device: Device
    batch: int


async def load(settings: LlamaSettings, on_progress: Callable[[float], None] = lambda _: None) -> Loaded:
    """Load the model and start the server on a free loopback port, with a key that nobody else knows.

    ``on_progress`` hears the share (0 to 1) of the file that was read. Raises ``EngineError`` that names the file.
    """
    try:
        metadata = await asyncio.to_thread(read_metadata, settings.path, wanted=KNOWN_TOKENS)
    except BadModelFileError as error:
        raise EngineError(str(error)) from error
    if metadata.vocab_size == 0 or metadata.whole("block_count") == 0:
        raise EngineError(f"{settings.path} holds no language model.")
    fit = fit_context(
        metadata,
        wanted=settings.context,
        slots=settings.slots,
        available=await asyncio.to_thread(available_memory),
    )
    try:
        with taken_signals():
            async with asyncio.timeout(settings.load_seconds):
                # llama.cpp holds Python's lock while it loads: with the file in the page cache, that is short.
                await asyncio.to_thread(_read_ahead, settings.path, on_progress)
                return await asyncio.to_thread(_start, settings, metadata, fit)
    except TimeoutError:
        raise EngineTimeout(
            f"{settings.path} was not loaded within {settings.load_seconds:g} seconds."
        ) from None
    except OSError as error:
        raise EngineError(f"{settings.path} can't be read: {error.strerror or error}.") from error


async def unload(loaded: Loaded) -> None:
    """End the server and free the model, once nobody is connected to it any more. May be called twice."""
    if loaded.server is None:
        return
    wire = LlamaWire(loaded.address, loaded.key, answer_seconds=_UNLOAD_SECONDS)
    try:
        async with asyncio.timeout(_UNLOAD_SECONDS):
            while await wire.busy_slots():
                await asyncio.sleep(0.01)
    except (TimeoutError, EngineError):
        # Ending it now would wait for its work with Python's lock held, and everything with it. A reference that is
        # never given back keeps that from happening at the interpreter's end too.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded.server))
    finally:
        await wire.close()
        loaded.server = None


def _read_ahead(path: Path, on_progress: Callable[[float], None]) -> None:
    size, done = path.stat().st_size, 0
    buffer = bytearray(_READ)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            done += count
            on_progress(done / size)


def _start(settings: LlamaSettings, metadata: GgufMetadata, fit: Fit) -> Loaded:
    try:
        import xllamacpp
    except ImportError as error:
        hint = (
            "on Debian and Ubuntu: apt install libgomp1"
            if "libgomp" in str(error)
            else "pip install pilotfish[local]"
        )
        raise EngineError(f"llama.cpp can't be used here: {error} ({hint}).") from error
    kinds = {str(device["type"]) for device in xllamacpp.get_device_info()}
    device: Device = "gpu" if any("GPU" in kind for kind in kinds) else "cpu"
    batch = CPU_BATCH if device == "cpu" else _GPU_BATCH
    key = secrets.token_urlsafe(24)
    params = _params(xllamacpp.CommonParams(), settings, metadata, fit, batch=batch, key=key, device=device)
    with _LOADING:
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise EngineError(
                f"llama.cpp could not load {settings.path}: its architecture ({metadata.architecture}) may be one that "
                "it does not know, or memory ran out. It said why on standard error."
            ) from error
    return Loaded(server, server.listening_address, key, metadata, fit, device, batch)


def _params(
    params: Any,
    settings: LlamaSettings,
    metadata: GgufMetadata,
    fit: Fit,
    *,
    batch: int,
    key: str,
    device: Device,
) -> Any:
    params.model.path = os.fspath(settings.path)
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * fit.slot_tokens
    params.n_batch = params.n_ubatch = batch
    threads = settings.threads or default_threads()
    params.cpuparams_batch.n_threads = threads  # reads prompts
    params.cpuparams.n_threads = settings.threads or decode_threads(metadata.bytes, threads)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_threads_http = 4 * settings.slots + 4  # a request that waits for its slot holds a thread
    params.cache_ram_mib = settings.cache_mib
    params.cache_idle_slots = False  # it would copy a whole cache at every key
    params.endpoint_slots = True
    params.ui = False
    params.warmup = False  # the engine asks for a real token instead
    params.fit_params = (
        device == "gpu"
    )  # on a CPU it loads the model a second time, to find what is known here
    params.verbosity = 1  # errors only; prompts are never among them
    return params


@contextmanager
def taken_signals() -> Iterator[None]:
    """Give the signals that llama.cpp takes for itself (some of its versions do) back to those who had them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # Python sets them nowhere else
            for number, handler in before.items():
                if handler is not None:
                    signal.signal(number, handler)
                    if hasattr(signal, "siginterrupt"):  # not on Windows
                        signal.siginterrupt(number, False)  # noqa: FBT003 (positional only)
