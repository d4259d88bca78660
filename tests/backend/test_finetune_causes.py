"""Causes that take a GPU, or bad luck, to be had; what is advised; and what failed workers leave for it."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from pilotfish.backend.finetune.explain import Evidence, explain, gather
from pilotfish.backend.finetune.failure import Failure, read_failure, recorded
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.work_folder import WorkFolder

JOB = Job(world=2, device="cuda")
OUT_OF_MEMORY = Failure("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 22.00 MiB.")
HOST = Failure(
    "RuntimeError", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 64424509440 bytes."
)
KERNEL = "CUDA error: no kernel image is available for execution on the device"
FP16 = "Current loss scale already at minimum - cannot decrease scale anymore. Exiting run."
PORT = "The server socket has failed to bind to [::]:29500 (errno: 98 - Address already in use)."
WATCHDOG = (
    "[rank1]:[E] [PG ID 0 PG GUID 0 Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=4, "
    "OpType=ALLREDUCE) ran for 600026 milliseconds before timing out.\n"
)
PEER = "NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:275, unhandled cuda error, NCCL version 2.21.5"


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (Evidence([Failure("RuntimeError", KERNEL)]), ["not built for this GPU", "pytorch.org"]),
        (Evidence([Failure("Exception", FP16)]), ["what fp16 can hold", "--learning-rate 5e-06"]),
        (Evidence([Failure("torch.distributed.DistNetworkError", PORT)]), ["port", "the same command again"]),
        (Evidence(log=WATCHDOG, statuses=[1]), ["waited too long", "nvidia-smi"]),
        (Evidence([Failure("RuntimeError", PEER)]), ["NCCL", "failed", "NCCL_P2P_DISABLE=1"]),
        (Evidence([Failure("MemoryError", "")]), ["host's memory"]),
        # Those that we have ended ourselves are not the reason.
        (Evidence(statuses=[-15, -9, -15]), ["killed (SIGKILL)"]),
        (Evidence(statuses=[-2, -11], shared_memory=8 << 30), ["died of SIGSEGV"]),
    ],
)
def test_what_it_was(evidence: Evidence, told: Sequence[str]) -> None:
    """Each by its own words."""
    said = explain(JOB, evidence)
    assert [words for words in told if words not in said] == []


def test_there_is_nothing_beyond_zero3() -> None:
    """It is not advised to who has it."""
    job = Job(world=2, device="cuda", deepspeed={"zero_optimization": {"stage": 3}})
    assert "zero" not in explain(job, Evidence([OUT_OF_MEMORY]))


def test_a_smaller_batch_is_advised_where_it_takes_the_hosts_memory() -> None:
    """That is on the CPU; of one block there is nothing smaller."""
    advised = "--batch-size 2 --accumulate 4"
    assert advised in explain(Job(batch_size=4, accumulate=2), Evidence([HOST]))
    assert advised not in explain(Job(batch_size=4, accumulate=2, device="cuda"), Evidence([HOST]))
    assert "--batch-size" not in explain(Job(), Evidence([HOST]))


def test_one_process_shares_memory_with_nobody() -> None:
    """Its crash is not told as one of /dev/shm, however small that is."""
    assert explain(Job(), Evidence(statuses=[-7], shared_memory=64 << 20)) == "a worker died of SIGBUS."


def test_a_very_long_line_is_cut() -> None:
    """A message may hold a whole tensor."""
    said = explain(JOB, Evidence([Failure("ValueError", "x" * 10_000)]))
    assert "x" * 400 + "…" in said
    assert len(said) < 500


def test_what_is_left_is_read(tmp_path: Path) -> None:
    """Failures of all ranks, all that NCCL wrote, and of a log of any length its end; what is not there is nothing."""
    folder = WorkFolder(tmp_path)
    nothing = gather(JOB, folder, [1])
    assert (nothing.failures, nothing.statuses, nothing.log, nothing.nccl) == ([], [1], "", "")
    with pytest.raises(ValueError, match="odd"), recorded(folder.failure(1)):
        raise ValueError("odd")
    (tmp_path / "failure-0.json").write_text("{")
    for process in ("7", "8"):
        (tmp_path / f"nccl-host-{process}.log").write_text(f"of {process}\n")
    folder.log.write_text("begin\n" + "x\n" * 100_000 + "end\n")
    found = gather(JOB, folder, [1])
    assert [(each.kind, each.message) for each in found.failures] == [("ValueError", "odd")]
    assert "raise ValueError" in found.failures[0].trace
    assert found.nccl == "of 7\nof 8\n"
    assert found.log.endswith("x\nend\n")
    assert "begin" not in found.log
    assert found.shared_memory > 0


@pytest.mark.parametrize("end", [SystemExit(3), KeyboardInterrupt()])
def test_an_end_that_was_asked_for_is_no_failure(tmp_path: Path, end: BaseException) -> None:
    """Nothing is written down of it."""
    with pytest.raises(type(end)), recorded(tmp_path / "failure-0.json"):
        raise end
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "library"), [("nowhere_at_all.part", "nowhere_at_all"), ("json.nothing", "")]
)
def test_only_a_library_that_is_missing_is_named_as_missing(
    tmp_path: Path, module: str, library: str
) -> None:
    """One that is there and lacks a module of another version is not to be installed once more."""
    path = tmp_path / "failure-0.json"
    with pytest.raises(ModuleNotFoundError), recorded(path):
        importlib.import_module(module)
    failure = read_failure(path)
    assert failure is not None
    assert (failure.kind, failure.library) == ("ModuleNotFoundError", library)
