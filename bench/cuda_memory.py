"""What a GPU's memory can do, asked from NVIDIA's driver library: no toolkit and no other package is needed.

Source: the CUDA Driver API, https://docs.nvidia.com/cuda/cuda-driver-api/ .
"""

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager

_MEMORY_CLOCK = 36  # CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, kHz
_BUS_WIDTH = 37  # CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, bits
_COPY = 1 << 30
_ROUNDS = 20


class CudaError(RuntimeError):
    """The driver is not there, or refused."""


class Cuda:
    """The first GPU."""

    def __init__(self) -> None:
        try:
            self._driver = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError(f"no NVIDIA driver: {error}") from error
        self._call("cuInit", 0)
        self._device = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)

    @property
    def name(self) -> str:
        """What the GPU is called."""
        name = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", name, 256, self._device)
        return name.value.decode()

    @property
    def used(self) -> int:
        """Bytes of its memory that are taken, by whomever."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return total.value - free.value

    @property
    def stated_bandwidth(self) -> float:
        """Bytes a second by clock and bus: two transfers a clock, as all memories since GDDR3 and HBM have."""
        return 2 * self._attribute(_MEMORY_CLOCK) * 1e3 * self._attribute(_BUS_WIDTH) / 8

    def copy_bandwidth(self) -> float:
        """Bytes a second that are read and written while one part of the memory is copied to another."""
        with self._memory() as source, self._memory() as target:
            best = float("inf")
            for _ in range(_ROUNDS):
                started = time.perf_counter()
                self._call("cuMemcpyDtoD_v2", target, source, ctypes.c_size_t(_COPY))
                self._call("cuCtxSynchronize")
                best = min(best, time.perf_counter() - started)
        return 2 * _COPY / best

    @contextmanager
    def _memory(self) -> Iterator[ctypes.c_uint64]:
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(_COPY))
        try:
            yield address
        finally:
            self._call("cuMemFree_v2", address)

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(value), number, self._device)
        return value.value

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status:
            raise CudaError(f"{name} failed with {status}")
