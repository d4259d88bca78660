"""A checkpoint's tokenizer: which files it has, which ids it makes, and what of it goes into a repository."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .problems import ConvertError
from .source import read_json

FOLDER = "tokenizer"
"""Within the model's folder: at the repository's top, Triton would take it for another model."""
FAST = "tokenizer.json"
_VOCABULARY, _MERGES, _ADDED = "vocab.json", "merges.txt", "added_tokens.json"
_OTHERS = (_VOCABULARY, _MERGES, _ADDED, "tokenizer_config.json", "special_tokens_map.json")
_END = "<|endoftext|>"
_CODEGENS_OWN = (" " * 31, 50257)
"""The first entry that CodeGen adds to GPT-2's: its longest run of spaces."""


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """A tokenizer, and what a conversion needs to know of it."""

    path: Path = Path()
    """The file that says so."""
    highest: int = 0
    """The highest id that a text can become."""
    end: int | None = None
    """The id of the end of a text, if there is such an entry."""
    special: frozenset[int] = frozenset()
    """Ids of entries that are no text."""
    is_codegens: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)
    """What is copied, by its name there."""

    def json_text(self) -> str:
        """``tokenizer.json``; made from the older files where the checkpoint has none."""
        if FAST in self.files:
            return self.files[FAST].read_text("utf-8")
        added = [_added(name, number) for name, number in _numbers(self.files.get(_ADDED))]
        return _build(self.files[_VOCABULARY], self.files[_MERGES], added)


def find_tokenizer(path: Path) -> TokenizerFacts | None:
    """The tokenizer in a folder, or that of a ``tokenizer.json``; None if a folder has none.

    Raises ``ConvertError`` that names the file if it can't be read or is something else.
    """
    files = {name: path / name for name in (FAST, *_OTHERS) if (path / name).is_file()}
    if path.is_file():
        files = {FAST: path}
    elif not path.is_dir():
        raise ConvertError(f"{path} is not there. Name a folder with a {FAST}, or that file.")
    if FAST in files:
        return _of_fast(files)
    if _VOCABULARY in files and _MERGES in files:
        return _of_old(files)
    return None


def _of_fast(files: Mapping[str, Path]) -> TokenizerFacts:
    path = files[FAST]
    found = read_json(path)
    try:
        vocabulary = dict(found["model"]["vocab"])
        added = [
            (str(each["content"]), int(each["id"]), bool(each["special"])) for each in found["added_tokens"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ConvertError(f"{path} is no tokenizer with a byte-level vocabulary ({error!r}).") from error
    return _facts(path, vocabulary, added, files)


def _of_old(files: Mapping[str, Path]) -> TokenizerFacts:
    path = files[_VOCABULARY]
    added = [(name, number, False) for name, number in _numbers(files.get(_ADDED))]
    return _facts(path, dict(_numbers(path)), added, files)


def _facts(
    path: Path,
    vocabulary: Mapping[str, Any],
    added: Sequence[tuple[str, int, bool]],
    files: Mapping[str, Path],
) -> TokenizerFacts:
    ids = {**vocabulary, **{name: number for name, number, _ in added}}
    numbers = [number for number in ids.values() if isinstance(number, int)]
    if not numbers or len(numbers) < len(ids) or min(numbers) < 0:
        raise ConvertError(f"{path} has no vocabulary of token ids.")
    special = frozenset(number for _, number, is_special in added if is_special)
    name, number = _CODEGENS_OWN
    return TokenizerFacts(path, max(numbers), ids.get(_END), special, ids.get(name) == number, files)


def _numbers(path: Path | None) -> list[tuple[str, int]]:
    """Entries and ids of a JSON object, by id."""
    if path is None:
        return []
    found = read_json(path)
    if not all(isinstance(number, int) for number in found.values()):
        raise ConvertError(f"{path} has entries that are no token ids.")
    return sorted(found.items(), key=lambda entry: entry[1])


def _added(name: str, number: int) -> dict[str, Any]:
    """An entry as ``tokenizer.json`` describes it: text like any other, but for the end of the text."""
    plain = name != _END
    return {
        "id": number,
        "content": name,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": plain,
        "special": not plain,
    }


def _build(vocabulary: Path, merges: Path, added: Sequence[Mapping[str, Any]]) -> str:
    """``tokenizer.json`` of the byte-level BPE that GPT-2, GPT-J and CodeGen have, from the files before it."""
    entries = dict(_numbers(vocabulary))
    try:
        lines = merges.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConvertError(f"{merges} can't be read: {error}.") from error
    pairs = [line for line in lines if line and not line.startswith("#version")]
    ends = [] if any(each["content"] == _END for each in added) or _END not in entries else [_END]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [*(_added(name, entries[name]) for name in ends), *added],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level | {"add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "vocab": entries,
            "merges": pairs,
        },
    }
    return json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n"
