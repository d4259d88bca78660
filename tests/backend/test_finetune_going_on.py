"""Whether a training goes on, begins anew, or is refused, by what an earlier one has left."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.tiny_codegen import write_codegen
from pilotfish.backend.finetune.base import open_base
from pilotfish.backend.finetune.events import Event, Teller, read_events
from pilotfish.backend.finetune.finetune import _copied, _gone_on_with
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.options import FinetuneOptions
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.resume import seal
from pilotfish.backend.finetune.work_folder import WorkFolder

JOB = Job(seed=1)


@pytest.fixture
def stopped(tmp_path: Path) -> WorkFolder:
    """What a training leaves that was killed in its fifth step, while it told of that, and has saved the third."""
    folder = WorkFolder(tmp_path)
    (tmp_path / "checkpoint-3").mkdir()
    seal(tmp_path, 3)
    (tmp_path / "checkpoint-4").mkdir()
    folder.job.write_text(JOB.text())
    teller = Teller(folder.events)
    for step in (1, 2, 3, 4):
        teller.tell(Event("step", step=step, loss=1.0))
    teller.close()
    with folder.events.open("a") as file:
        file.write('{"kind": "st')
    return folder


@contextmanager
def left_alone(folder: Path) -> Iterator[None]:
    """Nothing comes, and nothing goes."""
    before = sorted(folder.rglob("*"))
    yield
    assert sorted(folder.rglob("*")) == before


def test_it_goes_on_after_the_last_whole_checkpoint(stopped: WorkFolder) -> None:
    """What came after that is forgotten, half a line included: the next one would be written behind it."""
    said: list[str] = []
    job = _gone_on_with(FinetuneOptions(resume=True), JOB, stopped, said.append)
    assert job == replace(JOB, resume=str(stopped.path / "checkpoint-3"))
    assert [event.step for event in read_events(stopped.events)] == [1, 2, 3]
    assert stopped.events.read_text().endswith("}\n")
    assert not (stopped.path / "checkpoint-4").exists()
    assert said[-1] == "Going on after step 3."


def test_it_is_not_begun_anew_unasked(stopped: WorkFolder) -> None:
    """Hours of training are cleared away by --force alone."""
    with pytest.raises(FinetuneError, match="stopped here after step 3"), left_alone(stopped.path):
        _gone_on_with(FinetuneOptions(), JOB, stopped, lambda _: None)
    assert _gone_on_with(FinetuneOptions(force=True), JOB, stopped, lambda _: None) == JOB
    assert list(stopped.path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "can't be read. Begin anew with --force"),
        ('{"base": "x"}', "can't be read. Begin anew with --force"),
        (replace(JOB, seed=2).text(), "--seed: was 2, is 1"),
    ],
)
def test_another_training_is_refused(stopped: WorkFolder, settings: str, said: str) -> None:
    """Also one of another version, whose settings are others; its checkpoints stay."""
    stopped.job.write_text(settings)
    with pytest.raises(FinetuneError, match=said), left_alone(stopped.path):
        _gone_on_with(FinetuneOptions(resume=True), JOB, stopped, lambda _: None)


def test_how_to_generate_is_copied_too(tmp_path: Path) -> None:
    """Where the base says it; the tokenizer's files in any case."""
    base = open_base(write_codegen(tmp_path / "tiny", layers=1))
    assert "tokenizer.json" in _copied(base)
    assert "generation_config.json" not in _copied(base)
    file = base.path / "generation_config.json"
    file.write_text("{}")
    assert _copied(base)["generation_config.json"] == file
