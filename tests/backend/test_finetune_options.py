"""What is typed reaches the training: each option its setting, with the same defaults on both sides."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pilotfish.backend.finetune.finetune_arguments import add_finetune, asked_of
from pilotfish.backend.finetune.options import FinetuneOptions

CACHE = Path("cache")
LEAST = FinetuneOptions(base="maker/base", data=Path("set"), out=Path("tuned"), cache=CACHE)


def asked(*more: str) -> FinetuneOptions:
    """What a command line asks for."""
    parser = argparse.ArgumentParser()
    add_finetune(parser.add_subparsers())
    argv = ["finetune", "maker/base", "--data", "set", "--out", "tuned", *more]
    return asked_of(parser.parse_args(argv), CACHE)


def test_who_says_nothing_gets_the_defaults() -> None:
    """Those that the options have themselves."""
    assert asked() == LEAST


@pytest.mark.parametrize(
    ("typed", "setting"),
    [
        (["--block-size", "512"], {"block_size": 512}),
        (["--epochs", "2.5"], {"epochs": 2.5}),
        (["--max-steps", "7"], {"max_steps": 7}),
        (["--learning-rate", "1e-4"], {"learning_rate": 1e-4}),
        (["--schedule", "constant"], {"schedule": "constant"}),
        (["--warmup", "20"], {"warmup": 20.0}),
        (["--weight-decay", "0.1"], {"weight_decay": 0.1}),
        (["--batch-size", "3"], {"batch_size": 3}),
        (["--accumulate", "4"], {"accumulate": 4}),
        (["--seed", "5"], {"seed": 5}),
        (["--save-steps", "6"], {"save_steps": 6}),
        (["--keep-checkpoints"], {"keep_checkpoints": True}),
        (["--lora"], {"lora_rank": 16}),
        (["--lora-rank", "8"], {"lora_rank": 8}),
        (["--lora", "--lora-rank", "8"], {"lora_rank": 8}),
        (["--deepspeed", "zero2"], {"deepspeed": "zero2"}),
        (["--gpus", "0,1"], {"gpus": "0,1"}),
        (["--gradient-checkpointing"], {"gradient_checkpointing": True}),
        (["--no-gradient-checkpointing"], {"gradient_checkpointing": False}),
        (["--resume"], {"resume": True}),
        (["--force"], {"force": True}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_option_is_its_setting(typed: Sequence[str], setting: dict[str, Any]) -> None:
    """And changes nothing else."""
    assert asked(*typed) == replace(LEAST, **setting)


def test_an_adapter_learns_faster() -> None:
    """Its learning rate is ten times that of all weights, unless one is given."""
    assert (asked().rate, asked("--lora").rate) == (2e-5, 2e-4)
    assert asked("--lora", "--learning-rate", "3e-5").rate == 3e-5
