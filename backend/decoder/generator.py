"""CTranslate2's Generator, as the decoder needs it: token ids in, its exceptions mapped."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from .model_folder import ModelFolder, read_model_folder
from .prefixes import NO_CUT, Cut
from .rows import DecodeError

_PATIENCE = 50
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # a container's share of the CPU; version 2 of control groups


def usable_cores() -> int:
    """CPU cores that this process may use, by affinity and by its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text("ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # none, or "max"
        return cores


def threads_for(slots: int, cores: int) -> int:
    """Threads for each of so many slots.

    Decoding hardly gains beyond four, and one request alone should not be left with less because there are slots for
    others: two that run at once on the same cores take no longer than one after the other.
    """
    return min(cores, max(4, cores // slots))


class Generator:
    """A loaded model."""

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        slots: int = 1,
        threads: int = 0,
    ) -> None:
        """Load it. Raises ModelFolderError, or DecodeError naming the folder."""
        self.folder: ModelFolder = read_model_folder(path)
        self._stamp = self.folder.stamp()
        with _mapped(f"{path} can't be loaded"):
            if device == "auto":
                device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
            began = time.monotonic()
            self._generator: Any = ctranslate2.Generator(
                str(path),
                device=device,
                compute_type=compute_type,
                inter_threads=slots,
                intra_threads=threads or threads_for(slots, usable_cores()),
            )
        self.load_seconds = time.monotonic() - began
        self.device = str(self._generator.device)
        self.compute_type = str(self._generator.compute_type)

    @property
    def vocab_size(self) -> int:
        """Token ids run from 0 to one less."""
        return len(self.folder.vocabulary)

    @property
    def state_bytes(self) -> int:
        """Bytes that one token's keys and values take in the state: on CPUs always 32-bit floats."""
        half = self.device != "cpu" and self.compute_type.endswith("float16")
        return 2 * self.folder.layers * self.folder.hidden * (2 if half else 4)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        on_step: Callable[[Any], bool],
        *,
        cut: Cut = NO_CUT,
        banned: Sequence[int] = (),
        **options: Any,
    ) -> None:
        """One call of generate_batch. ``on_step`` gets its GenerationStepResult, and ends the row with True.

        The first ``cut.length`` tokens are the same in all prompts. ``banned`` tokens are never generated. Raises
        DecodeError, or what ``on_step`` raised: then every row ends at its next token.
        """
        names = self.folder.vocabulary
        failed: list[BaseException] = []

        def guarded(step: Any) -> bool:
            # In CTranslate2's thread an exception would end the process.
            try:
                return bool(failed) or on_step(step)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                failed.append(error)
                return True

        with _mapped("CTranslate2 failed"):
            if not self._generator.model_is_loaded:  # forget_states could not load it again
                self._generator.load_model()
            self._generator.generate_batch(
                [[names[token] for token in prompt[cut.length :]] for prompt in prompts],
                static_prompt=[names[token] for token in prompts[0][: cut.length]] or None,
                cache_static_prompt=cut.keep,
                include_prompt_in_result=False,
                suppress_sequences=[[names[token]] for token in banned] or None,
                callback=guarded,
                **options,
            )
        if failed:
            raise failed[0]

    def logits(self, step: Any) -> NDArray[np.float32]:
        """A step's logits [vocab], of a batch of one whose options had return_logits_vocab."""
        logits = step.logits.to(ctranslate2.DataType.float32)
        if logits.device != "cpu":
            logits = logits.to_device(ctranslate2.Device.cpu)
        # On GPUs the head is padded to a multiple of eight rows.
        return np.array(logits).reshape(-1)[: self.vocab_size]

    def forget_states(self) -> bool:
        """Free the states of all static prompts, for which the model has to be read again; False if that can't be.

        Nothing may be running. Raises DecodeError if the model can't be loaded again.
        """
        if self.folder.stamp() != self._stamp:
            return False  # another model lies there now, and nobody has asked for it
        with _mapped(f"{self.folder.path} can't be loaded again"):
            for _ in range(_PATIENCE):
                self._generator.unload_model()
                if not self._generator.model_is_loaded:
                    self._generator.load_model()
                    return True
                time.sleep(0.01)  # a worker has not quite put down its last batch
        return False

    def free(self) -> None:
        """Free the model."""
        # The object itself has to go: its threads, left to the interpreter's exit, may abort the process there.
        self._generator = None


@contextmanager
def _mapped(what: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, MemoryError) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"{what}: {error}") from error
