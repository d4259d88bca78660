"""``pilotfish-backend finetune``: what it understands."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from pilotfish.backend.argument_types import amount, count, positive, real, whole
from pilotfish.backend.converter.commands import QUANTIZATIONS

from .options import LORA_RATE, TUNING_RATE, FinetuneOptions

_LORA_RANK = 16
_MOST_EPOCHS = 1000
_LARGEST_SEED = 2**32 - 1
"""Of numpy's generators, which also order the blocks."""
_COMPILED = ("deepspeed", "ninja")


def add_finetune(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of ``pilotfish-backend``."""
    finetune = commands.add_parser(
        "finetune",
        help="tune a CodeGen or GPT-J on a data set",
        description="Train a CodeGen or GPT-J checkpoint further on a data set that 'dataset build' has made. The "
        "result is a checkpoint that 'convert' takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_NOTES,
    )
    add = finetune.add_argument
    add("base", metavar="BASE", help="a checkpoint's folder, or a model of the hub (MAKER/NAME)")
    add("--data", type=Path, required=True, metavar="DIR", help="train.jsonl and validation.jsonl")
    add("--out", type=Path, required=True, metavar="OUT", help="the tuned model's folder")
    add("--force", action="store_true", help="replace what is there, once the new model is whole")
    add(
        "--resume",
        action="store_true",
        help="go on after the last whole checkpoint of a run that ended early",
    )
    _add_training(finetune.add_argument_group("training"))
    _add_machine(finetune.add_argument_group("machine"))
    _add_shipping(finetune.add_argument_group("shipping"))


def run_finetune(options: argparse.Namespace) -> int:
    """Tune; the exit status: 0 done, 1 failed, 130 interrupted. ``options.environment`` is the process's own."""
    from platformdirs import user_cache_path

    from .finetune import finetune
    from .problems import FinetuneError
    from .ship import agree, check, ship, shipment_of

    asked = asked_of(options, (options.cache_dir or user_cache_path("pilotfish")) / "checkpoints")
    _require([*(["peft"] if asked.lora_rank else []), *(_COMPILED if asked.deepspeed else [])])
    try:
        shipment = shipment_of(
            options.ship,
            target=options.target,
            quantization=options.quantization,
            gpus=options.convert_gpus,
            force=options.force,
        )
        if shipment is None:
            finetune(asked, options.environment, _say)
        else:
            check(shipment, asked.out.resolve())
            tuned = finetune(asked, options.environment, _say, suits=partial(agree, shipment))
            ship(shipment, tuned.out, _say)
    except FinetuneError as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        _say(f"pilotfish-backend: stopped. {_after_stop(asked.out)}")
        return 130
    return 0


def asked_of(options: argparse.Namespace, cache: Path) -> FinetuneOptions:
    """What the command line asks for; a base of the hub is kept in ``cache``."""
    return FinetuneOptions(
        base=options.base,
        data=options.data,
        out=options.out,
        cache=cache,
        block_size=options.block_size,
        epochs=options.epochs,
        max_steps=options.max_steps,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        batch_size=options.batch_size,
        accumulate=options.accumulate,
        seed=options.seed,
        save_steps=options.save_steps,
        keep_checkpoints=options.keep_checkpoints,
        lora_rank=options.lora_rank or (_LORA_RANK if options.lora else 0),
        deepspeed=options.deepspeed or "",
        gpus=options.gpus or "",
        gradient_checkpointing=options.gradient_checkpointing,
        resume=options.resume,
        force=options.force,
    )


def _require(libraries: Sequence[str]) -> None:
    """Raise ``ModuleNotFoundError`` for the first library that only an option needs and that is not installed."""
    for name in libraries:
        if find_spec(name) is None:
            raise ModuleNotFoundError(name=name)


def _after_stop(out: Path) -> str:
    """What Ctrl+C has left, and what to do."""
    from .output import is_finished
    from .resume import last_whole
    from .work_folder import CHECKPOINTS

    if is_finished(out) and not (out / CHECKPOINTS).exists():
        return f"{out} holds a tuned model."
    whole = last_whole(out / CHECKPOINTS)
    return (
        f"The same command with --resume goes on after step {whole[1]}."
        if whole
        else "There is no checkpoint yet."
    )


def _add_training(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add(
        "--lora", action="store_true", help="train an adapter instead of all weights, and merge it at the end"
    )
    add("--lora-rank", type=positive, metavar="N", help=f"its rank (default: {_LORA_RANK}); implies --lora")
    add(
        "--block-size",
        type=positive,
        default=2048,
        metavar="N",
        help="tokens trained on at once (default: %(default)s)",
    )
    add(
        "--epochs",
        type=real(_MOST_EPOCHS),
        default=1.0,
        metavar="N",
        help="times over the data (default: %(default)g)",
    )
    add("--max-steps", type=count, default=0, metavar="N", help="stop after N steps, whatever the epochs")
    add(
        "--learning-rate",
        type=real(1),
        metavar="R",
        help=f"at its highest (default: {TUNING_RATE:g}, with --lora {LORA_RATE:g})",
    )
    add(
        "--schedule",
        choices=("cosine", "linear", "constant"),
        default="cosine",
        help="how the learning rate goes on after the warm-up (default: %(default)s)",
    )
    add(
        "--warmup",
        type=amount,
        default=0.03,
        metavar="N",
        help="steps over which the learning rate grows; below 1: part of all (default: %(default)g)",
    )
    add("--weight-decay", type=real(1), default=0.0, metavar="W", help="default: %(default)g")
    add(
        "--batch-size",
        type=positive,
        default=1,
        metavar="N",
        help="blocks on one device at once (default: %(default)s)",
    )
    add(
        "--accumulate",
        type=positive,
        default=1,
        metavar="N",
        help="batches before a step of the optimizer (default: %(default)s)",
    )
    add(
        "--seed",
        type=whole(0, _LARGEST_SEED),
        default=0,
        metavar="N",
        help="of the order of the blocks (default: %(default)s)",
    )


def _add_machine(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add(
        "--gpus",
        metavar="N|0,1,…",
        help="how many, or which (one alone: '1,'); default: all; on a machine without, N processes on its CPU",
    )
    add(
        "--deepspeed",
        metavar="zero2|zero3|FILE",
        help="share the optimizer's state among GPUs and host memory (zero2), the weights too (zero3), or as "
        "DeepSpeed's own configuration in FILE says",
    )
    add(
        "--gradient-checkpointing",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="compute activations twice instead of keeping them (default: on GPUs)",
    )
    add(
        "--save-steps",
        type=positive,
        default=500,
        metavar="N",
        help="steps between two checkpoints to --resume from (default: %(default)s)",
    )
    add("--keep-checkpoints", action="store_true", help="leave them in OUT when the training is done")


def _add_shipping(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--ship", type=Path, metavar="REPO", help="then convert the tuned model into REPO, and verify it")
    add(
        "--target",
        choices=("ctranslate2", "fastertransformer"),
        help="as of 'convert' (default: ctranslate2)",
    )
    add(
        "--quantization",
        choices=QUANTIZATIONS,
        metavar="TYPE",
        help=f"for ctranslate2: {', '.join(QUANTIZATIONS)} (default: the base's own)",
    )
    add(
        "--convert-gpus",
        type=positive,
        metavar="N",
        help="for fastertransformer: GPUs that will share the model (default: 1)",
    )


_NOTES = """\
Files follow each other in blocks of equal length; a block that begins inside a file begins with its path header again,
as the prompts of the language server do. The embedding keeps its rows, also those beyond the tokenizer's entries.

While it runs, OUT/checkpoints has checkpoints, settings and the workers' log. The model is written beside OUT's place
and takes it whole; OUT/training.json and OUT/loss.png tell its course. Exit status: 0 done, 1 can't be done, or failed,
130 interrupted."""


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
