"""Where a tuned model may be shipped to, and what is said where that failed: no training needs to be done again."""

from pathlib import Path

import pytest

from harness.tiny_codegen import write_codegen
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.ship import Shipment, check, ship


@pytest.mark.parametrize(
    ("repository", "out"), [("tuned/repo", "tuned"), ("repo", "repo/tuned"), ("repo", "repo")]
)
def test_a_model_and_its_repository_lie_apart(tmp_path: Path, repository: str, out: str) -> None:
    """Neither in the other: what takes its place whole would take the other away."""
    with pytest.raises(FinetuneError, match=r"--ship: .* lie in each other"):
        check(Shipment(tmp_path / repository), tmp_path / out)
    check(Shipment(tmp_path / "repo"), tmp_path / "tuned")


def test_what_was_tuned_is_not_lost(tmp_path: Path) -> None:
    """A model that could not be converted is whole; told is the command that converts it as was asked for."""
    checkpoint = write_codegen(tmp_path / "tuned model", layers=1, tokenizer=False)
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    shipment = Shipment(tmp_path / "repo", "fastertransformer", gpus=3)
    with pytest.raises(FinetuneError) as failed:
        ship(shipment, checkpoint, lambda _: None)
    command = f"convert '{checkpoint}' --out {tmp_path / 'repo'} --target fastertransformer --gpus 3"
    assert f"Go on with: pilotfish-backend {command}" in str(failed.value)
    shipment = Shipment(tmp_path / "repo", quantization="int8")
    with pytest.raises(FinetuneError, match=r"--target ctranslate2 --quantization int8$"):
        ship(shipment, tmp_path, lambda _: None)
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before
