"""The parts of a training that need no model: settings, presets, commands, events, checkpoints, devices, memory."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pilotfish.backend.finetune.curve import curve_of, perplexity, smooth
from pilotfish.backend.finetune.deepspeed_presets import configuration
from pilotfish.backend.finetune.devices import named, parse
from pilotfish.backend.finetune.environment import worker_environment
from pilotfish.backend.finetune.events import Event, Listener, Teller, forget_after, read_events
from pilotfish.backend.finetune.job import Job, differences, read_job
from pilotfish.backend.finetune.launcher import commands
from pilotfish.backend.finetune.memory import disk, need
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.resume import drop_after, last_whole, seal
from pilotfish.backend.finetune.show import Lines, counted

GIB = 1 << 30
CODEGEN_350M = {"layers": 20, "hidden": 1024, "heads": 16}


def test_a_job_survives_its_file() -> None:
    """What is read is what was written; a file of something else is refused."""
    job = Job(base="/b", deepspeed={"zero_optimization": {"stage": 2}}, learning_rate=3e-5)
    assert read_job(job.text()) == job
    with pytest.raises(ValueError, match="settings"):
        read_job('{"base": 1}')


def test_what_differs_is_named_as_it_is_typed() -> None:
    """Places and habits may differ; what the numbers depend on is told, by the option."""
    before = Job(seed=1, save_steps=5, base="/a", data_fingerprint="x", world=2)
    assert differences(before, replace(before, save_steps=9, base="/b", threads=3, resume="/c")) == []
    now = replace(before, seed=2, data_fingerprint="y", world=1, max_steps=4)
    assert set(differences(before, now)) == {
        "--seed: was 1, is 2",
        "--data (the files' content) is another",
        "--gpus (how many): was 2, is 1",
        "--max-steps: was 0, is 4",
    }


def test_zero2_is_the_published_recipe() -> None:
    """Stage 2, the optimizer on the host, buckets of 2e8, and the batch as the options say."""
    found = configuration("zero2", "cuda")
    assert found is not None
    assert found["zero_optimization"] == {
        "stage": 2,
        "offload_optimizer": {"device": "cpu", "pin_memory": True},
        "allgather_partitions": True,
        "allgather_bucket_size": 200_000_000,
        "overlap_comm": True,
        "reduce_scatter": True,
        "reduce_bucket_size": 200_000_000,
        "contiguous_gradients": True,
    }
    for name in ("gradient_accumulation_steps", "gradient_clipping", "train_batch_size"):
        assert found[name] == "auto"
    assert configuration("", "cuda") is None


def test_zero3_puts_the_weights_together() -> None:
    """And offloads both, pinned on machines with GPUs only."""
    found = configuration("zero3", "cpu")
    assert found is not None
    zero = found["zero_optimization"]
    assert (zero["stage"], zero["stage3_gather_16bit_weights_on_model_save"]) == (3, True)
    assert zero["offload_param"] == {"device": "cpu", "pin_memory": False}


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """It is taken as it is; what an option says too, or is none at all, is refused by name."""
    file = tmp_path / "ds.json"
    file.write_text('{"zero_optimization": {"stage": 1}, "steps_per_print": 7}')
    found = configuration(str(file), "cuda")
    assert found is not None
    assert (found["steps_per_print"], found["zero_optimization"], found["train_batch_size"]) == (
        7,
        {"stage": 1},
        "auto",
    )
    assert (found["bf16"], found["fp16"]) == ({"enabled": "auto"}, {"enabled": "auto"})
    file.write_text(
        '{"zero_optimization": {"stage": 2}, "fp16": {"enabled": "auto", "initial_scale_power": 12}}'
    )
    found = configuration(str(file), "cuda")
    assert found is not None
    assert found["fp16"]["initial_scale_power"] == 12
    for text, said in (
        ('{"train_batch_size": 8}', "train_batch_size"),
        ('{"optimizer": {"type": "Adam"}}', "--learning-rate"),
        ("[]", "JSON object"),
        ("{", "no JSON"),
        ('{"zero_optimization": {"stage": "two"}}', "stage"),
        ('{"zero_optimization": {"stage": 4}}', "stage"),
        ('{"bf16": {"enabled": true}}', "bf16"),
        ('{"fp16": true}', "fp16"),
    ):
        file.write_text(text)
        with pytest.raises(FinetuneError, match=said):
            configuration(str(file), "cuda")
    with pytest.raises(FinetuneError, match="expected zero2 or zero3"):
        configuration(str(tmp_path / "none.json"), "cuda")


def test_workers_see_nothing_of_the_working_directory() -> None:
    """Python's own path is safe in every command, nothing looks to the hub, and another launcher's ranks are gone."""
    environment = worker_environment(
        {"RANK": "3", "WORLD_SIZE": "9", "HOME": "/h", "PATH": "/usr/bin"},
        Job(),
        programs="/v/bin",
        nccl_log="/n",
    )
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["PATH"] == "/v/bin:/usr/bin"
    assert "RANK" not in environment
    ((alone, _),) = commands(Job(), "/w/job.json", "python", environment, 7)
    assert alone == ["python", "-P", "-m", "pilotfish.backend.finetune.worker", "/w/job.json"]
    two = commands(Job(world=2), "/w/job.json", "python", environment, 7)
    assert [each["RANK"] for _, each in two] == ["0", "1"]
    assert {(each["WORLD_SIZE"], each["MASTER_ADDR"], each["MASTER_PORT"]) for _, each in two} == {
        ("2", "127.0.0.1", "7")
    }


def test_deepspeeds_launcher_stays_on_this_machine() -> None:
    """It gets this host alone, with the GPUs as CUDA_VISIBLE_DEVICES names them, or so many processes on the CPU."""
    job = Job(world=2, device="cuda", devices="1,GPU-8f2a", deepspeed={})

    def slots(asked: Job) -> object:
        ((argv, environment),) = commands(asked, "/w/job.json", "python", {}, 7)
        assert argv[:4] == ["python", "-P", "-m", "deepspeed.launcher.launch"]
        assert argv[argv.index("--master_addr") + 1] == "127.0.0.1"
        assert argv[argv.index("--master_port") + 1] == "7"
        assert environment["DS_ACCELERATOR"] == asked.device
        found: object = json.loads(base64.urlsafe_b64decode(argv[argv.index("--world_info") + 1]))
        return found

    assert slots(job) == {"localhost": ["1", "GPU-8f2a"]}
    assert slots(replace(job, device="cpu", devices="")) == {"localhost": [0, 1]}


def test_which_gpus() -> None:
    """A number counts, a list names; numbers are those of the GPUs that are visible."""
    assert parse("") == (0, "")
    assert parse("2") == (2, "")
    assert parse("0,2") == (0, "0,2")
    assert parse("1,") == (0, "1")
    for wrong in ("0", "a", "0,0", "-1", "1,,2"):
        with pytest.raises(FinetuneError, match="--gpus"):
            parse(wrong)
    assert named([0, 1], "") == "0,1"
    assert named([0, 1], "2, 3") == "2,3"


def test_only_whole_events_are_heard(tmp_path: Path) -> None:
    """Half a line waits for its other half; what came before a resumption is not heard again."""
    path = tmp_path / "events"
    teller = Teller(path)
    teller.tell(Event("step", step=1, loss=2.0))
    listener = Listener(path)
    teller.tell(Event("step", step=2, loss=1.5))
    teller.close()
    with path.open("a") as file:
        file.write('{"kind": "st')
    assert [event.step for event in listener.heard()] == [2]
    with path.open("a") as file:
        file.write('ep", "step": 3}\n')
    assert [event.step for event in listener.heard()] == [3]
    forget_after(path, 2)
    assert [event.step for event in read_events(path)] == [1, 2]


def test_a_curve_of_events() -> None:
    """Steps in order, each once; perplexities; tokens a second of the median step."""
    events = [
        Event("step", step=2, loss=9.0, tokens=100, seconds=1.0),
        Event("evaluated", step=0, loss=2.0),
        Event("step", step=1, loss=3.0, tokens=100, seconds=4.0),
        Event("step", step=2, loss=2.5, tokens=100, seconds=2.0),
    ]
    curve = curve_of(events)
    assert [(step.step, step.loss) for step in curve.steps] == [(1, 3.0), (2, 2.5)]
    assert curve.tokens_per_second == pytest.approx(37.5)
    assert curve.facts()["validation"][0]["perplexity"] == pytest.approx(7.389, abs=1e-3)
    assert json.dumps({"p": perplexity(1e4)}) == '{"p": 1000000000.0}'
    assert smooth([1.0] * 50) == [1.0] * 50


def test_only_sealed_checkpoints_count(tmp_path: Path) -> None:
    """One without a seal, and one of whose files is shorter than sealed, are passed over and dropped."""
    for step in (10, 20, 30):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "optimizer.pt").write_bytes(b"x" * step)
    assert last_whole(tmp_path) is None
    seal(tmp_path, 10)
    seal(tmp_path, 20)
    assert last_whole(tmp_path) == (tmp_path / "checkpoint-20", 20)
    (tmp_path / "checkpoint-20" / "optimizer.pt").write_bytes(b"x")
    assert last_whole(tmp_path) == (tmp_path / "checkpoint-10", 10)
    assert sorted(drop_after(tmp_path, 10)) == ["checkpoint-20", "checkpoint-30"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


def test_what_a_training_takes() -> None:
    """CodeGen-350M with Adam in fp32: 5.3 GiB, most of which can go to the host; an adapter adds hardly anything.

    Its base is only read, in 16 bits where the device computes in them.
    """
    job = Job(rows=51200, device="cuda", precision="bf16", gradient_checkpointing=True)
    count = 356_712_448
    alone = need(job, count, **CODEGEN_350M)
    assert alone.state == pytest.approx(5.3 * GIB, rel=0.02)
    assert 1 * GIB < alone.activations < 4 * GIB
    shared = need(replace(job, world=2, deepspeed=configuration("zero2", "cuda")), count, **CODEGEN_350M)
    assert shared.state < alone.state / 4
    assert shared.host == 16 * count
    adapter = replace(job, lora_rank=8)
    assert need(adapter, count, **CODEGEN_350M).state == 2 * count
    assert need(replace(adapter, precision="fp32"), count, **CODEGEN_350M).state == 4 * count
    assert disk(job, count) > 3 * disk(replace(job, lora_rank=8), count)


def test_lines_for_a_log() -> None:
    """What is no terminal gets a line for a stage, the first and last step and each evaluation."""
    out = io.StringIO()
    lines = Lines(out)
    lines.show(Event("evaluated", step=0, loss=2.0))
    lines.show(Event("stage", stage="training", total=3))
    for step in (1, 2, 3):
        lines.show(Event("step", step=step, loss=2.0, tokens=100, seconds=0.5))
    lines.show(Event("evaluated", step=3, loss=1.0))
    assert out.getvalue().splitlines() == [
        "  Before the training, on the validation files: loss 2.000, perplexity 7.39",
        "Training",
        "  step 1 of 3, loss 2.000, 200 tokens/s",
        "  step 3 of 3, loss 2.000, 200 tokens/s",
        "  After 3 steps, on the validation files: loss 1.000, perplexity 2.72",
    ]


def test_numbers_are_said_as_people_say_them() -> None:
    """One block, two blocks, a thousand with a comma."""
    assert [counted(number, "block") for number in (0, 1, 2000)] == ["0 blocks", "1 block", "2,000 blocks"]
    assert counted(2, "process", "processes") == "2 processes"
