"""Packing: nothing is lost, nothing is learnt twice, and a block in the midst of a file begins as a prompt does."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.codegen_tokenizer import codegen_tokenizer_json
from pilotfish.backend.finetune.blocks import Block, Document, pack
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.tokens import data_fingerprint, find_data, header_of, pack_file

END = 0
NEWLINE = 1
LINE_ENDS = np.array([False, True] + [False] * 30)
WORDS = st.lists(st.integers(1, 31), max_size=60)


def packed(documents: list[Document], size: int) -> list[Block]:
    """All blocks."""
    return list(pack(documents, block_size=size, end=END, line_ends=LINE_ENDS))


@given(st.lists(WORDS, max_size=6), st.integers(4, 24), st.integers(0, 5))
def test_every_token_is_learnt_once(files: list[list[int]], size: int, header: int) -> None:
    """What the blocks have to learn is the files, one after another, each with its end; only the last is short."""
    blocks = packed([Document(ids, min(header, len(ids))) for ids in files], size)
    learnt = [
        token
        for block in blocks
        for token, is_learnt in zip(block.ids, block.learnt, strict=True)
        if is_learnt
    ]
    assert learnt == [token for ids in files for token in [*ids, END]]
    assert [len(block.ids) for block in blocks[:-1]] == [size] * len(blocks[:-1])
    assert all(0 < len(block.ids) <= size and any(block.learnt) for block in blocks)


def test_a_block_inside_a_file_begins_with_its_header_and_a_whole_line() -> None:
    """The header and the part of the line that was there already are read again, and not learnt again."""
    header, first, second = [7, 8, NEWLINE], [10, 11, 12, 13, 14, 15, NEWLINE], [20, 21, 22, 23, 24, NEWLINE]
    blocks = packed([Document([*header, *first, *second], 3)], 12)
    assert list(blocks[0].ids) == [*header, *first, 20, 21]
    assert all(blocks[0].learnt)
    # A quarter of a block may be repeated: here just the header. With twice the room the line begins anew.
    assert list(blocks[1].ids) == [*header, 22, 23, 24, NEWLINE, END]
    assert list(blocks[1].learnt) == [False] * 3 + [True] * 5
    long = [*range(2, 19), NEWLINE]
    blocks = packed([Document([*header, *long, *second], 3)], 24)
    assert list(blocks[0].ids) == [*header, *long, 20, 21, 22]
    assert list(blocks[1].ids) == [*header, 20, 21, 22, 23, 24, NEWLINE, END]
    assert list(blocks[1].learnt) == [False] * 6 + [True] * 4


@pytest.mark.parametrize(
    ("document", "header", "again"),
    [
        # The block ends in the midst of the header, after 2 of its 4 tokens, or right behind it.
        ([*[30] * 13, END, 5, 6, 7, NEWLINE, 10], 4, [5, 6]),
        ([*[30] * 11, END, 5, 6, 7, NEWLINE, 10], 4, [5, 6, 7, NEWLINE]),
        # A header of more than a quarter of a block.
        ([5, 6, 7, 8, NEWLINE, *[30] * 8, NEWLINE, 20, 21, 22, 23], 5, [20, 21]),
        # The line so far is as much as there is room for, and one token more; with the header, and without one.
        ([*[30] * 11, NEWLINE, 20, 21, 22, 23, 24], 0, [20, 21, 22, 23]),
        ([*[30] * 10, NEWLINE, 20, 21, 22, 23, 24, 25], 0, []),
        ([5, NEWLINE, *[30] * 11, NEWLINE, 20, 21, 22], 2, [5, NEWLINE, 20, 21]),
        ([5, NEWLINE, *[30] * 10, NEWLINE, 20, 21, 22, 23], 2, [5, NEWLINE]),
    ],
)
def test_what_a_block_repeats(document: list[int], header: int, again: list[int]) -> None:
    """The header if it was read whole and has room, then the line so far if it has room; else nothing of it."""
    before = document[: document.index(END)] if END in document else []
    text = document[len(before) + 1 :] if before else document
    files = [Document(before)] if before else []
    first, second = packed([*files, Document(text, header)], 16)
    assert len(first.ids) == 16
    assert list(second.ids) == [*again, *document[16:], END]
    assert list(second.learnt) == [False] * len(again) + [True] * (len(document) - 15)


def test_a_file_that_begins_in_a_block_is_not_given_a_second_header() -> None:
    """Where a file begins, its own first line is its header; a block that ends with a file has nothing to repeat."""
    one = Document([9, NEWLINE, 5], 2)
    assert [list(block.ids) for block in packed([one, one], 4)] == [[9, NEWLINE, 5, END]] * 2


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("# Path: a/b.py\nimport a\n", "# Path: a/b.py\n"),
        ("<!-- Path: a.html -->\n<p>", "<!-- Path: a.html -->\n"),
        ("import a\n", ""),
        ("# Path: only", ""),
        ("print('a very long line that has Path: in it')\n", ""),
    ],
)
def test_headers_are_found(text: str, header: str) -> None:
    """The first line, if it is a path header in whatever comment."""
    assert header_of(text) == header


def test_rows_become_blocks(tmp_path: Path) -> None:
    """With the real tokenizer: each later block of a long file begins with the header, and at a line's beginning."""
    words = tmp_path / "tokenizer.json"
    words.write_text(codegen_tokenizer_json(), "utf-8")
    text = "# Path: a/long.py\n" + "".join(f"value_{number} = compute({number})\n" for number in range(400))
    rows = tmp_path / "train.jsonl"
    rows.write_text("".join(json.dumps({"text": each}) + "\n" for each in (text, "x = 1\n", "")), "utf-8")
    heard: list[int] = []
    found = pack_file(rows, words, tmp_path / "out", block_size=128, advance=heard.append)
    assert (found.files, sum(heard)) == (2, rows.stat().st_size)
    stored = np.fromfile(tmp_path / "out", np.uint32).reshape(found.blocks, 128)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(words))
    ids = (stored & 0x7FFFFFFF).tolist()
    for block in ids[1:-1]:
        assert tokenizer.decode(block, skip_special_tokens=False).startswith("# Path: a/long.py\nvalue_")
    learnt = [token for token in stored.reshape(-1).tolist() if token < 1 << 31]
    assert len(learnt) == found.tokens
    assert tokenizer.decode(learnt, skip_special_tokens=False) == f"{text}<|endoftext|>x = 1\n<|endoftext|>"


def test_a_header_before_empty_lines_is_repeated_too(tmp_path: Path) -> None:
    """There the tokenizer makes one token of the header's end and an empty line."""
    words = tmp_path / "tokenizer.json"
    words.write_text(codegen_tokenizer_json(), "utf-8")
    text = "# Path: a.py\n\n\nimport x\n" + "value = compute(value)\n" * 40
    rows = tmp_path / "train.jsonl"
    rows.write_text(json.dumps({"text": text}) + "\n", "utf-8")
    found = pack_file(rows, words, tmp_path / "out", block_size=64)
    ids = np.fromfile(tmp_path / "out", np.uint32).reshape(found.blocks, 64) & 0x7FFFFFFF
    from tokenizers import Tokenizer

    second = Tokenizer.from_file(str(words)).decode(ids[1].tolist())
    assert second.startswith("# Path: a.py\n\nvalue = ")


def test_a_tokenizer_without_an_end_of_text_is_refused(tmp_path: Path) -> None:
    """Files could not be told from each other; nothing is written."""
    words = tmp_path / "tokenizer.json"
    words.write_text(codegen_tokenizer_json().replace("<|endoftext|>", "<|end|>"), "utf-8")
    rows = tmp_path / "train.jsonl"
    rows.write_text('{"text": "x"}\n')
    with pytest.raises(FinetuneError, match=r"has no <\|endoftext\|>"):
        pack_file(rows, words, tmp_path / "out", block_size=64)
    assert not (tmp_path / "out").exists()


def test_data_is_looked_for_and_known_again(tmp_path: Path) -> None:
    """Validation rows may be absent; another content is another fingerprint; no rows at all are refused."""
    with pytest.raises(FinetuneError, match="dataset build"):
        find_data(tmp_path)
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n')
    assert find_data(tmp_path) == (tmp_path / "train.jsonl", None)
    before = data_fingerprint(*find_data(tmp_path))
    (tmp_path / "validation.jsonl").write_text("")  # as of a data set that was built without
    assert find_data(tmp_path) == (tmp_path / "train.jsonl", None)
    (tmp_path / "validation.jsonl").write_text('{"text": "b"}\n')
    assert data_fingerprint(*find_data(tmp_path)) != before
