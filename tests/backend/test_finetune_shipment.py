"""What `finetune --ship` is asked for, looked at before anything is trained."""

from pathlib import Path

import pytest

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.ship import Shipment, agree, check, shipment_of

CODEGEN = Architecture(family="codegen", layers=2, heads=4, head_dim=16, rotary_dim=8, rows=51200)


@pytest.mark.parametrize(
    ("option", "target", "quantization", "gpus"),
    [
        ("--target", "ctranslate2", None, None),
        ("--quantization", None, "int8", None),
        ("--convert-gpus", None, None, 1),
    ],
)
def test_how_to_convert_needs_where_to(
    option: str, target: str | None, quantization: str | None, gpus: int | None
) -> None:
    """An option that would have no effect without --ship is refused, also with the value that is the default."""
    with pytest.raises(FinetuneError, match=rf"^{option}: .* --ship REPO"):
        shipment_of(None, target=target, quantization=quantization, gpus=gpus)


def test_nothing_is_shipped_unasked() -> None:
    """Without --ship and its options there is no shipment; with --ship alone it has the defaults."""
    assert shipment_of(None, force=True) is None
    assert shipment_of(Path("model")) == Shipment(Path("model"), "ctranslate2", None, 1)
    asked = shipment_of(Path("model"), target="fastertransformer", gpus=2, force=True)
    assert asked == Shipment(Path("model"), "fastertransformer", None, 2, force=True)


@pytest.mark.parametrize(
    ("shipment", "said"),
    [
        (
            Shipment(target="fastertransformer", quantization="int8"),
            "--quantization: is for the target ctranslate2",
        ),
        (Shipment(target="ctranslate2", gpus=2), "--convert-gpus: CTranslate2 runs a model on one"),
        (Shipment(target="fastertransformer", gpus=3), "--convert-gpus: 4 heads do not divide by 3"),
    ],
)
def test_what_can_not_be_converted_is_said_before_the_training(shipment: Shipment, said: str) -> None:
    """By the base, which has the tuned model's sizes, and with the names that the options have here."""
    with pytest.raises(FinetuneError, match=said) as caught:
        agree(shipment, CODEGEN)
    assert " --gpus" not in str(caught.value)


@pytest.mark.parametrize("target", ["ctranslate2", "fastertransformer"])
def test_what_can_be_converted_passes(target: str) -> None:
    """By itself either target takes a CodeGen."""
    agree(Shipment(target=target), CODEGEN)


def test_a_place_that_can_not_be_written_to_is_said_before_the_training(tmp_path: Path) -> None:
    """Below a file there will be no repository; below a folder that is not there yet there will be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(FinetuneError, match=r"--ship: .*repository can't be made: .*file is no folder"):
        check(Shipment(tmp_path / "file" / "deep" / "repository"), tmp_path / "out")
    check(Shipment(tmp_path / "new" / "repository"), tmp_path / "out")
    assert not (tmp_path / "new").exists()
