"""Decodes CodeGen with CTranslate2: blocking, several callers at a time.

CTranslate2 generates a whole sequence in one call and tells each token to a callback, which can end the row but not
change the token. Its random generators belong to threads and can't be seeded for a row. Where a row needs more than
CTranslate2 samples by itself, it is steered: CTranslate2 takes the most likely token, hands its logits over, and we
choose; as long as the choices agree it goes on, and where they part it is started again behind our token.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .call import Call, LockedPrefixes
from .generator import Generator
from .model_folder import ModelFolderError
from .rows import DecodeError, InvalidRow, Outcome, Row, Step, check_row

__all__ = ["DecodeError", "Decoder", "InvalidRow", "ModelFolderError", "Outcome", "Row", "Step"]

Emit = Callable[[int, Step], bool]
"""Takes a row's index and its next token; True ends the row."""


EMPTYING_SHARE = 50
"""Reading the model again, which empties the cache, takes at most one part in so many of the time."""


def _never(_index: int) -> bool:
    return False


class Decoder:
    """A loaded model.

    ``slots`` calls are decoded at once, ``threads`` is how many CPU cores each takes (0: as many as help, of those
    that this process may use). ``prefix_cache`` is how many MiB of prompt beginnings are kept; 0 keeps none.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        device: str = "auto",
        compute_type: str = "default",
        slots: int = 1,
        threads: int = 0,
        prefix_cache: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load a CTranslate2 model folder. Raises ModelFolderError or DecodeError, which name it."""
        self._generator = Generator(
            Path(path), device=device, compute_type=compute_type, slots=slots, threads=threads
        )
        self._prefixes = LockedPrefixes(prefix_cache * 2**20 // self._generator.state_bytes)
        self._changed = threading.Condition()
        self._running = 0
        self._emptying = False
        self._clock = clock
        self._loaded_at = clock()
        self._closed = False
        self.slots = slots

    @property
    def vocab_size(self) -> int:
        """Token ids run from 0 to one less."""
        return self._generator.vocab_size

    @property
    def device(self) -> str:
        """Where the model is: ``cpu`` or ``cuda``."""
        return self._generator.device

    @property
    def state_bytes(self) -> int:
        """Bytes that the state of one kept token takes."""
        return self._generator.state_bytes

    @property
    def compute_type(self) -> str:
        """The type that CTranslate2 computes in, such as ``int8_float32``."""
        return self._generator.compute_type

    def decode(
        self, rows: Sequence[Row], emit: Emit, *, cancelled: Callable[[int], bool] = _never
    ) -> list[Outcome]:
        """Generate; every token of every row is handed to ``emit``, in threads of CTranslate2, never two at once.

        Waits while ``slots`` calls are running. ``cancelled`` is asked before a row is started or restarted; while it
        runs, ``emit`` ends it. Raises InvalidRow before anything is generated, DecodeError if CTranslate2 fails, and
        whatever ``emit`` raises.
        """
        for row in rows:
            check_row(row, self.vocab_size)
        with self._slot():
            return Call(
                self._generator,
                self._prefixes,
                rows,
                lambda index, step: emit(index, step) or self._closed,
                lambda index: self._closed or cancelled(index),
            ).run()

    def close(self) -> None:
        """End what is running at its next token, and free the model. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running and not self._emptying)
        self._generator.free()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(self._may_start)
            if self._closed:
                raise DecodeError("the decoder was closed")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                # Looked at again outside of the lock, it might be another thread's.
                emptying = not self._running and not self._closed and self._should_empty()
                self._emptying = emptying
                self._changed.notify_all()
            if emptying:
                # Beside the caller, who has what it asked for. The next one waits until the model is back.
                threading.Thread(target=self._empty, name="prefix-cache", daemon=True).start()

    def _may_start(self) -> bool:
        return self._closed or (self._running < self.slots and not self._emptying)

    def _should_empty(self) -> bool:
        rested = self._clock() - self._loaded_at
        return self._prefixes.crowded and rested >= EMPTYING_SHARE * self._generator.load_seconds

    def _empty(self) -> None:
        try:
            if self._generator.forget_states():
                self._prefixes.forget()
        except DecodeError:
            # Whoever comes next tries to load it again, and is told.
            self._prefixes.forget()
        finally:
            with self._changed:
                self._emptying = False
                self._loaded_at = self._clock()
                self._changed.notify_all()
