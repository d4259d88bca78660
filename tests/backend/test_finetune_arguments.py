"""What the command line of `finetune` takes for its numbers."""

import argparse

import pytest

from pilotfish.backend.finetune.finetune_arguments import add_finetune


def parsed(*options: str) -> argparse.Namespace:
    """What is understood."""
    parser = argparse.ArgumentParser()
    add_finetune(parser.add_subparsers())
    return parser.parse_args(["finetune", "base", "--data", "data", "--out", "out", *options])


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--learning-rate", "1e99", "no number from 0 to 1"),
        ("--learning-rate", "2", "no number from 0 to 1"),
        ("--learning-rate", "nan", "no number from 0 to 1"),
        ("--learning-rate", "fast", "no number from 0 to 1"),
        ("--weight-decay", "1.5", "no number from 0 to 1"),
        ("--weight-decay", "-0.1", "no number from 0 to 1"),
        ("--epochs", "1e99", "no number from 0 to 1000"),
        ("--seed", str(2**32), "no whole number from 0 to 4294967295"),
    ],
)
def test_a_number_that_no_training_can_use_is_refused(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is loaded, with the option's name and what it takes."""
    with pytest.raises(SystemExit):
        parsed(f"{option}={value}")
    assert f"argument {option}: {value!r} is {said}" in capsys.readouterr().err


def test_the_ends_of_what_is_taken() -> None:
    """The bounds themselves are numbers that may be asked for."""
    asked = parsed("--learning-rate=1", "--weight-decay=0", "--epochs=1000", f"--seed={2**32 - 1}")
    assert (asked.learning_rate, asked.weight_decay, asked.epochs, asked.seed) == (1, 0, 1000, 2**32 - 1)


def test_options_of_the_conversion_are_known_to_be_given() -> None:
    """They have no value of their own, so that one which stands without --ship can be refused."""
    asked = parsed()
    assert (asked.target, asked.quantization, asked.convert_gpus) == (None, None, None)
