"""One generation by CTranslate2, on a thread of its own: nothing that goes wrong there keeps anybody waiting."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from harness.codegen_tokenizer import codegen_tokenizer_json
from pilotfish.backend.decoder.rows import DecodeError, Row, Step
from pilotfish.backend.proxy.engines.base import EngineError, Piece
from pilotfish.backend.proxy.engines.ct2_run import Run
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer


class Broken:
    """A decoder that gives one token and then fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def decode(self, rows: Sequence[Row], emit: Callable[[int, Step], bool], **_: object) -> Sequence[object]:
        assert len(rows) == 1
        emit(0, Step(198))
        raise self._error


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """CodeGen's."""
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    file.write_text(codegen_tokenizer_json())
    return Tokenizer.load(file)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DecodeError("out of memory"), "out of memory"),
        (ValueError("what it says"), "what it says"),
        (MemoryError("the user's text"), "MemoryError"),
        (RuntimeError("the user's text"), "RuntimeError"),
    ],
)
async def test_whatever_fails_in_the_thread_is_an_error(
    error: Exception, said: str, tokenizer: Tokenizer
) -> None:
    """What came before is handed out, then the error; of those that are not ours only the kind."""
    run = Run(cast("Any", Broken(error)), Row((1,), 5), tokenizer)
    freed = asyncio.Event()
    thread = threading.Thread(target=run.work, args=(freed.set,))
    thread.start()
    pieces: list[object] = []

    async def collect() -> None:
        async with asyncio.timeout(5), aclosing(run.pieces()) as items:
            async for item in items:
                pieces.append(item)

    with pytest.raises(EngineError, match=said) as caught:
        await collect()
    assert [piece.text for piece in pieces if isinstance(piece, Piece)] == ["\n"]
    assert "the user" not in str(caught.value)
    await asyncio.wait_for(freed.wait(), 5)
    thread.join()
