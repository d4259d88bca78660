"""The parent of a training: checks everything, packs the data, has workers train, and puts the model in its place."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.models.progress import readable
from pilotfish.backend.models.progress import shown_on as bytes_shown_on
from pilotfish.backend.version import version

from . import output
from .base import Base, find_base, open_base
from .curve import Curve, curve_of, draw, perplexity
from .deepspeed_presets import configuration
from .devices import Devices, find_devices
from .environment import worker_environment
from .events import Listener, forget_after, read_events
from .explain import explain, gather
from .job import Job, differences, read_job
from .memory import disk, need, readable_need
from .options import FinetuneOptions
from .problems import FinetuneError
from .resume import checkpoint_bytes, drop_after, last_whole
from .show import counted, shown_on
from .tokens import Packed, data_fingerprint, find_data, pack_file, write_packed
from .work_folder import WorkFolder
from .workers import Workers

Say = Callable[[str], None]
_GENERATION = "generation_config.json"
_LEAST_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuned model."""

    out: Path = Path()
    curve: Curve = field(default_factory=Curve)
    steps: int = 0
    seconds: float = 0.0


def finetune(
    options: FinetuneOptions,
    environment: Mapping[str, str],
    say: Say,
    *,
    suits: Callable[[Architecture], None] = lambda _: None,
) -> Tuned:
    """Tune a checkpoint. Raises ``FinetuneError`` that says what is wrong, and what is still there.

    ``suits`` is shown what the model will be before it is trained, and raises ``FinetuneError`` if that is of no use.
    """
    out = options.out.resolve()
    if not options.epochs and not options.max_steps:
        raise FinetuneError("--epochs: 0 is no training.")
    if not options.rate:
        raise FinetuneError("--learning-rate: 0 is no training.")
    output.check_place(out, force=options.force, resume=options.resume)
    if options.resume and output.is_finished(out) and not options.force:
        if (step := output.stopped_after(out)) is not None:
            raise FinetuneError(
                f"--out: {out} holds a tuned model, and a training that was to replace it stopped after step {step}. "
                "Go on with --resume --force."
            )
        say(f"{out} is finished; there is nothing to go on with.")
        return Tuned(out)
    train, validation = find_data(options.data.resolve())
    devices = find_devices(options.gpus, environment.get("CUDA_VISIBLE_DEVICES", ""))
    with bytes_shown_on(sys.stderr) as progress:
        base = open_base(find_base(options.base, options.cache, progress))
    suits(base.architecture)
    if base.path.is_relative_to(out) or options.data.resolve().is_relative_to(out):
        raise FinetuneError(f"--out: {out} holds the base or the data. Name another folder.")
    with output.held(out) as folder:
        job = _job(options, base, devices, folder, data_fingerprint(train, validation))
        job = _gone_on_with(options, job, folder, say)
        _say_what(job, base, devices, say)
        _say_of_deepspeed(job, say)
        check_memory(job, base, devices, say)
        _check_disk(job, base, folder)
        if not job.resume:
            try:
                _pack({"train": train, "validation": validation}, base, job, folder, say)
            except FinetuneError:
                _clear(folder.path)
                raise
        _tidy(folder)
        folder.job.write_text(job.text(), "utf-8")
        _work(job, folder, environment)
        return _finish(job, base, folder, out, say)


def _job(options: FinetuneOptions, base: Base, devices: Devices, folder: WorkFolder, fingerprint: str) -> Job:
    block = options.block_size
    if block > base.architecture.positions:
        raise FinetuneError(
            f"--block-size: {block} is more than the {base.architecture.positions} tokens that the model can see."
        )
    if block < _LEAST_BLOCK:
        raise FinetuneError(
            f"--block-size: {block} is less than {_LEAST_BLOCK}, too few tokens to learn from."
        )
    on = options.gradient_checkpointing
    return Job(
        base=str(base.path),
        base_fingerprint=base.fingerprint,
        work=str(folder.path),
        data_fingerprint=fingerprint,
        rows=base.architecture.rows,
        block_size=block,
        epochs=options.epochs,
        max_steps=options.max_steps,
        learning_rate=options.rate,
        schedule=options.schedule,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        batch_size=options.batch_size,
        accumulate=options.accumulate,
        seed=options.seed,
        save_steps=options.save_steps,
        keep_checkpoints=options.keep_checkpoints,
        lora_rank=options.lora_rank,
        deepspeed=configuration(options.deepspeed, devices.kind),
        world=devices.world,
        device=devices.kind,
        devices=devices.numbers,
        precision=devices.precision,
        gradient_checkpointing=devices.kind == "cuda" if on is None else on,
        threads=devices.threads,
        dtype=base.dtype,
    )


def check_memory(job: Job, base: Base, devices: Devices, say: Say) -> None:
    """Refuse what is certain not to fit, and say what may not."""
    shape = base.architecture
    found = need(job, base.parameters, layers=shape.layers, hidden=shape.hidden, heads=shape.heads)
    on_gpus = devices.kind == "cuda"
    each = found.state if on_gpus else found.state * devices.world + found.host
    if devices.memory and each > devices.memory:
        there = f"{'a GPU' if on_gpus else 'the host'} has {readable(devices.memory)}"
        raise FinetuneError(
            f"this takes {readable_need(found)}; {there}. Smaller: --lora, --deepspeed zero3, or a smaller BASE."
        )
    if on_gpus and devices.host and found.host > devices.host:
        raise FinetuneError(
            f"this takes {readable_need(found)}; the host has {readable(devices.host)}. Smaller: --lora, a smaller "
            "BASE, or, where the GPUs have room, a --deepspeed FILE that offloads less."
        )
    if devices.memory and each + found.activations > devices.memory:
        say(
            f"This may not fit: it takes {readable_need(found)}. See --batch-size, --block-size, --lora, --deepspeed."
        )


def _check_disk(job: Job, base: Base, folder: WorkFolder) -> None:
    found = disk(job, base.parameters) - checkpoint_bytes(folder.path)
    free = shutil.disk_usage(folder.path).free
    if free < found:
        raise FinetuneError(
            f"--out: {folder.path} has room for {readable(free)}; checkpoints and the tuned model will take up "
            f"to {readable(found)}. Make room, or name another folder."
        )


def _gone_on_with(options: FinetuneOptions, job: Job, folder: WorkFolder, say: Say) -> Job:
    """The job from its last whole checkpoint on, if it is to be gone on with; else the folder is cleared."""
    whole = last_whole(folder.path)
    if not options.resume:
        if whole and not options.force:
            raise FinetuneError(
                f"--out: a training stopped here after step {whole[1]}. Go on with --resume, or begin anew with "
                "--force."
            )
        _clear(folder.path)
        return job
    if whole is None:
        say("There is no whole checkpoint yet, so the training begins at its beginning.")
        _clear(folder.path)
        return job
    try:
        before = read_job(folder.job.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FinetuneError(f"--resume: {folder.job} can't be read. Begin anew with --force.") from error
    if found := differences(before, job):
        lines = "\n  ".join(found)
        raise FinetuneError(
            f"--resume: this is not the training that stopped:\n  {lines}\nGive what it was given, or begin anew "
            "with --force."
        )
    path, step = whole
    for name in drop_after(folder.path, step):
        say(f"{name} was not written to its end, and is dropped.")
    forget_after(folder.events, step)
    say(f"Going on after step {step}.")
    return replace(job, resume=str(path))


def _tidy(folder: WorkFolder) -> None:
    """Drop what an earlier run left that would be taken for this one's."""
    for path in (folder.result, *folder.path.glob("failure-*.json"), *folder.path.glob("nccl-*.log")):
        path.unlink(missing_ok=True)
    for path in (folder.model, folder.adapter):
        shutil.rmtree(path, ignore_errors=True)


def _clear(folder: Path) -> None:
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def _say_what(job: Job, base: Base, devices: Devices, say: Say) -> None:
    what = f"an adapter of rank {job.lora_rank}" if job.lora_rank else "all weights"
    cpu = f"the CPU, {counted(devices.world, 'process', 'processes')}"
    where = counted(devices.world, "GPU") if devices.kind == "cuda" else cpu
    say(
        f"{base.architecture.family} of {base.parameters / 1e6:,.1f} million parameters and {job.rows} rows; training "
        f"{what} on {where}, in {job.precision}, {counted(job.step_blocks, 'block')} of {job.block_size} tokens a step"
    )


def _say_of_deepspeed(job: Job, say: Say) -> None:
    if job.deepspeed is not None:
        say("DeepSpeed compiles a part of itself when it is first used here, which takes a minute or two.")


def _pack(data: Mapping[str, Path | None], base: Base, job: Job, folder: WorkFolder, say: Say) -> None:
    packed: dict[str, Packed] = {}
    tokenizer = base.tokenizer.files["tokenizer.json"]
    for part, rows in data.items():
        if rows is None:
            continue
        with bytes_shown_on(sys.stderr) as progress:
            progress.begin(f"Packing {rows.name}", rows.stat().st_size)
            one = pack_file(
                rows, tokenizer, folder.blocks(part), block_size=job.block_size, advance=progress.advance
            )
        if one.blocks:
            packed[part] = one
            amount = f"{counted(one.files, 'file')}, {counted(one.tokens, 'token')} in {counted(one.blocks, 'block')}"
            say(f"{part}: {amount}")
    if "train" not in packed:
        raise FinetuneError(f"--data: {data['train']} holds no text, so there is nothing to learn.")
    if "validation" not in packed:
        say("There are no validation files, so no perplexity will be measured.")
    write_packed(folder.packed, **packed)


def _work(job: Job, folder: WorkFolder, environment: Mapping[str, str]) -> None:
    listener = Listener(folder.events)
    own = worker_environment(
        environment, job, programs=str(Path(sys.executable).parent), nccl_log=folder.nccl_log
    )

    def relay() -> None:
        for event in listener.heard():
            show.show(event)

    with shown_on(sys.stderr) as show, Workers(job, folder, own) as workers:
        statuses = workers.watch(relay)
    if not folder.result.is_file():
        raise FinetuneError(_failed(job, folder, statuses))


def _failed(job: Job, folder: WorkFolder, statuses: Sequence[int]) -> str:
    """What went wrong, what to change, and how to go on."""
    whole = last_whole(folder.path)
    way = (
        f"Go on after step {whole[1]} with --resume."
        if whole
        else "There is no checkpoint to go on from yet."
    )
    return f"{explain(job, gather(job, folder, statuses))}\n  The workers' log: {folder.log}\n  {way}"


def _finish(job: Job, base: Base, folder: WorkFolder, out: Path, say: Say) -> Tuned:
    result = json.loads(folder.result.read_text("utf-8"))
    curve = curve_of(read_events(folder.events))
    draw(curve, folder.model / output.PICTURE, base.path.name)
    record = {
        "made_by": f"pilotfish-backend {version()}",
        "base": base.path.name,
        "settings": asdict(job) | {"resume": bool(job.resume)},
        "result": result,
        **curve.facts(),
    }
    kind = "dtype" if "dtype" in base.config else "torch_dtype"
    config = {**base.config, "vocab_size": base.architecture.rows, kind: base.dtype}
    output.complete(folder, config=config, copied=_copied(base), record=record)
    tuned = open_base(folder.model)
    if tuned.architecture != base.architecture:
        raise FinetuneError(
            f"{folder.model} is not of the base's sizes: {tuned.architecture}. It stays there."
        )
    output.take_place(folder, out, keep=job.keep_checkpoints)
    if curve.evaluations:
        first, last = curve.evaluations[0], curve.evaluations[-1]
        say(f"Perplexity on the validation files: {perplexity(first.loss):.2f} → {perplexity(last.loss):.2f}")
    say(
        f"{out}: the tuned model, after {counted(result['steps'], 'step')}; {curve.tokens_per_second:,.0f} tokens/s"
    )
    return Tuned(out, curve, result["steps"], result["seconds"])


def _copied(base: Base) -> dict[str, Path]:
    """What the tuned model has of the base as it is: the tokenizer, and how to generate."""
    generation = base.path / _GENERATION
    return {**base.tokenizer.files, **({_GENERATION: generation} if generation.is_file() else {})}
