"""From rows of text to blocks on the disk, which every worker maps into its memory."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .blocks import Document, pack
from .problems import FinetuneError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Array = NDArray[Any]

_END = "<|endoftext|>"
_NEWLINE = "\u010a"  # how byte-level BPE writes a line end in its vocabulary
_HEADER = "Path: "
_BATCH = 256
"""Files that are tokenised at once, on all cores."""
_NOT_LEARNT = 1 << 31
"""The bit of a stored token that says: read it, do not learn it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Blocks on the disk: [``blocks``, ``block_size``] numbers of four bytes."""

    path: str = ""
    blocks: int = 0
    block_size: int = 0
    files: int = 0
    tokens: int = 0
    """That are learnt."""


def find_data(folder: Path) -> tuple[Path, Path | None]:
    """The training rows of a data set, and the validation rows if there are any. Raises ``FinetuneError``."""
    train, validation = folder / "train.jsonl", folder / "validation.jsonl"
    if not train.is_file():
        raise FinetuneError(
            f"--data: {folder} has no train.jsonl. Make a data set of your sources with: "
            f"pilotfish-backend dataset build SRC --out {folder}"
        )
    if not train.stat().st_size:
        raise FinetuneError(f"--data: {train} is empty, so there is nothing to learn.")
    return train, validation if validation.is_file() and validation.stat().st_size else None


def data_fingerprint(*files: Path | None) -> str:
    """A hash of the files' content."""
    digest = hashlib.sha256()
    for file in files:
        if file is not None:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def pack_file(
    rows: Path,
    tokenizer: Path,
    out: Path,
    *,
    block_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> Packed:
    """Tokenise the rows of a JSON Lines file and write them as blocks to ``out``.

    ``advance`` is told the bytes that were read. Raises ``FinetuneError`` that names the line which is no row.
    """
    import numpy as np
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(tokenizer))
    end = words.token_to_id(_END)
    if end is None:
        raise FinetuneError(f"{tokenizer} has no {_END}, by which files are kept apart.")
    files = 0

    def documents() -> Iterator[Document]:
        nonlocal files
        texts = _texts(rows, advance)
        while batch := list(islice(texts, _BATCH)):
            files += len(batch)
            yield from _documents(batch, words)

    tokens = blocks = 0
    with out.open("wb") as file:
        for block in pack(documents(), block_size=block_size, end=end, line_ends=line_ends(words)):
            learnt = np.zeros(block_size, np.bool_)
            learnt[: len(block.ids)] = block.learnt
            ids = np.full(block_size, end, np.uint32)
            ids[: len(block.ids)] = block.ids
            file.write((ids | np.where(learnt, 0, _NOT_LEARNT).astype(np.uint32)).tobytes())
            tokens += int(learnt.sum())
            blocks += 1
    return Packed(str(out), blocks, block_size, files, tokens)


def line_ends(words: "Tokenizer") -> "Array":
    """Of each token [V], whether it ends with a line's end."""
    import numpy as np

    vocabulary = words.get_vocab()
    ends = np.zeros(max(vocabulary.values()) + 1, np.bool_)
    ends[[number for piece, number in vocabulary.items() if piece.endswith(_NEWLINE)]] = True
    return ends


class Blocks:
    """Packed blocks as torch's Trainer reads them: items with ``input_ids`` and ``labels``, tensors [block size]."""

    def __init__(self, packed: Packed) -> None:
        import numpy as np

        self._size = packed.blocks
        shape = (packed.blocks, packed.block_size)
        self._stored = np.memmap(packed.path, np.uint32, "r", shape=shape) if packed.blocks else None

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> dict[str, Any]:
        import numpy as np
        import torch

        if self._stored is None:
            raise IndexError(index)
        row = np.asarray(self._stored[index])
        ids = torch.from_numpy((row & (_NOT_LEARNT - 1)).astype(np.int64))
        skipped = torch.from_numpy(row >= _NOT_LEARNT)
        return {"input_ids": ids, "labels": ids.masked_fill(skipped, -100)}  # what torch's loss leaves out


def write_packed(path: Path, **packed: Packed) -> None:
    """Note what was packed, for the workers."""
    path.write_text(json.dumps({name: asdict(each) for name, each in packed.items()}, indent=2), "utf-8")


def read_packed(path: Path) -> dict[str, Packed]:
    """What was packed."""
    return {name: Packed(**each) for name, each in json.loads(path.read_text("utf-8")).items()}


def _texts(rows: Path, advance: Callable[[int], None]) -> Iterator[str]:
    with rows.open("rb") as file:
        for number, line in enumerate(file, 1):
            advance(len(line))
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                raise FinetuneError(
                    f'{rows}, line {number}: expected a JSON object with "text". Make the data set again with: '
                    "pilotfish-backend dataset build"
                )
            if text:
                yield text


def _documents(texts: Sequence[str], words: "Tokenizer") -> Iterator[Document]:
    headers = [header_of(text) for text in texts]
    whole = words.encode_batch_fast(texts, add_special_tokens=False)
    begun = words.encode_batch_fast(headers, add_special_tokens=False)
    for encoding, header in zip(whole, begun, strict=True):
        # Before empty lines the last token may have the end of such a line too, which is then repeated with it.
        yield Document(encoding.ids, len(header.ids))


def header_of(text: str) -> str:
    """The path header that a text begins with, its line's end included; empty if it has none."""
    line, newline, _ = text.partition("\n")
    return line + newline if newline and _HEADER in line[:16] else ""
