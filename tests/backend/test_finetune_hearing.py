"""What workers are started with, and what the first of them tells."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pilotfish.backend.finetune.curve import curve_of, smooth
from pilotfish.backend.finetune.devices import Devices
from pilotfish.backend.finetune.environment import worker_environment
from pilotfish.backend.finetune.events import Event, read_events
from pilotfish.backend.finetune.hearing import Diverged, Hearing
from pilotfish.backend.finetune.job import Job, differences
from pilotfish.backend.finetune.launcher import commands
from pilotfish.backend.finetune.resume import last_whole
from pilotfish.backend.finetune.work_folder import WorkFolder

JOB = Job(block_size=100, batch_size=2, accumulate=3, world=4)
FREE = {"base", "work", "save_steps", "keep_checkpoints", "threads", "resume", "devices"}


@pytest.mark.parametrize("name", [each.name for each in fields(Job)])
def test_a_training_is_gone_on_with_as_it_was(name: str) -> None:
    """Whatever the numbers depend on must be as before; where things lie, and how often it saves, need not."""
    before = Job()
    value = getattr(before, name)
    changed: Any = f"{value}x" if isinstance(value, str) else {} if value is None else (value or 0) + 1
    assert bool(differences(before, replace(before, **{name: changed}))) == (name not in FREE)


def environment(job: Job, **parents: str) -> dict[str, str]:
    return worker_environment(parents, job, programs="/v/bin", nccl_log="/w/nccl-%p.log")


def test_no_library_of_a_worker_asks_the_hub() -> None:
    """Each has a switch of its own."""
    found = environment(Job(), HF_HUB_OFFLINE="0")
    assert {found[f"{name}_OFFLINE"] for name in ("HF_HUB", "TRANSFORMERS", "HF_DATASETS")} == {"1"}


def test_a_worker_sees_the_gpus_that_were_chosen() -> None:
    """Those and no others; NCCL's warnings come into a file, unless somebody has said otherwise."""
    found = environment(Job(device="cuda", devices="2,GPU-8f2a"), CUDA_VISIBLE_DEVICES="2,3,GPU-8f2a")
    assert found["CUDA_VISIBLE_DEVICES"] == "2,GPU-8f2a"
    assert (found["NCCL_DEBUG"], found["NCCL_DEBUG_FILE"]) == ("WARN", "/w/nccl-%p.log")
    assert environment(Job(device="cuda"), NCCL_DEBUG="INFO")["NCCL_DEBUG"] == "INFO"


def test_processes_on_one_cpu_share_its_cores() -> None:
    """Each has its part of them, one at the least; one process alone, and those of GPUs, are left to torch."""
    cores = len(os.sched_getaffinity(0))
    assert Devices(world=2).threads == max(1, cores // 2)
    assert Devices(world=100 * cores).threads == 1
    assert Devices().threads == Devices("cuda", world=2).threads == 0
    assert environment(Job(threads=3))["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in environment(Job())


def test_each_worker_knows_its_rank() -> None:
    """By its command line too: what it fails of goes into a file of its own."""
    found = [argv[-1] for argv, _ in commands(JOB, "/w/job.json", "python", {}, 7)]
    assert found == [f"--local_rank={rank}" for rank in range(4)]


@contextmanager
def heard(folder: Path, *, first: bool = True) -> Iterator[Hearing]:
    """One process's; its file is open until the process ends, here until the block does."""
    hearing = Hearing(JOB, WorkFolder(folder), first=first)
    yield hearing
    if hearing._teller is not None:
        hearing._teller.close()


def test_a_step_is_told(tmp_path: Path) -> None:
    """With its learning rate, its gradient if that is a number, and the tokens of all processes."""
    with heard(tmp_path) as hearing:
        hearing.begins(2, 9)
        hearing.step_begins()
        hearing.logged(3, {"loss": 1.5, "learning_rate": 1e-4, "grad_norm": 0.5})
        hearing.logged(4, {"loss": 1.25, "learning_rate": 2e-4, "grad_norm": math.inf})
        hearing.predicted(2)
        hearing.predicted(2)
        hearing.logged(4, {"eval_loss": 1.0})
    events = [replace(each, seconds=0.0) for each in read_events(tmp_path / "events.jsonl")]
    assert events == [
        Event("stage", stage="training", total=9),
        Event("advance", step=2, total=2),
        Event("step", step=3, loss=1.5, rate=1e-4, gradient=0.5, tokens=2400),
        Event("step", step=4, loss=1.25, rate=2e-4, tokens=2400),
        Event("stage", stage="evaluating", total=2),
        Event("advance", total=1),
        Event("advance", total=1),
        Event("evaluated", step=4, loss=1.0),
    ]


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    """In every process, whether it tells or not."""
    for first in (True, False):
        with heard(tmp_path, first=first) as hearing:
            for loss in (math.nan, math.inf):
                with pytest.raises(Diverged, match="the loss of step 7"):
                    hearing.logged(7, {"loss": loss})


def test_only_the_first_process_tells(tmp_path: Path) -> None:
    """The others neither write events nor seal checkpoints."""
    (tmp_path / "checkpoint-3").mkdir()
    with heard(tmp_path, first=False) as hearing:
        hearing.begins(0, 9)
        hearing.logged(3, {"loss": 1.5})
        hearing.saved(3)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]
    assert last_whole(tmp_path) is None
    with heard(tmp_path) as hearing:
        hearing.saved(3)
    assert last_whole(tmp_path) == (tmp_path / "checkpoint-3", 3)
    assert read_events(tmp_path / "events.jsonl") == [Event("saved", step=3)]


def test_one_slow_step_hardly_counts() -> None:
    """Tokens a second are those of the step in the middle."""
    seconds = (1.0, 2.0, 100.0)
    events = [
        Event("step", step=at, loss=1.0, tokens=100, seconds=each) for at, each in enumerate(seconds, 1)
    ]
    assert curve_of(events).tokens_per_second == 50


def test_a_smoothed_curve_is_a_mean_of_neighbours() -> None:
    """One on each side, and of those that are missing at the ends none; of very many, a twentieth."""
    assert smooth([3.0, 0.0, 3.0, 0.0]) == [1.5, 2.0, 1.0, 1.5]
    assert smooth([0.0] * 40 + [5.0] + [0.0] * 39)[37:44] == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
