"""From a checkpoint to a model repository: look at everything, then write beside the place, then take it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

from pilotfish.backend.models.progress import Progress, Silent, readable
from pilotfish.backend.version import version

from . import ctranslate2_target, fastertransformer, gptj_checkpoint
from .architecture import Architecture, read_architecture
from .manifest import NAME, Manifest
from .mapping import GptjWeights, validate
from .options import ConvertOptions
from .problems import ConvertError
from .signature import MODEL_NAME
from .source import Checkpoint, open_checkpoint
from .staging import Stage, check_place, staged
from .targets import Target, Written
from .tokenizer_files import FAST, FOLDER, TokenizerFacts, find_tokenizer
from .vocabulary import check_rows, end_id

__all__ = ["TARGETS", "ConvertOptions", "convert"]

TARGETS: Mapping[str, Target] = {
    "fastertransformer": fastertransformer,
    "ctranslate2": ctranslate2_target,
}
_SPARE = 64 << 20
"""Bytes of disk beyond the weights: tokenizer, configurations, the file system's own."""
Say = Callable[[str], None]


def convert(options: ConvertOptions, progress: Progress | None = None, say: Say = lambda _: None) -> Manifest:
    """Convert a checkpoint; the manifest of what was written.

    ``say`` is told what was found and decided. Raises ``ConvertError`` with all that is wrong; nothing was written
    then, and what was at ``options.out`` before is still there, as it is when this process is killed.
    """
    options = replace(options, checkpoint=options.checkpoint.resolve(), out=options.out.resolve())
    progress = progress or Silent()
    target = TARGETS[options.target]
    with open_checkpoint(options.checkpoint) as checkpoint, ExitStack() as stages:
        architecture = read_architecture(checkpoint.config, checkpoint.tensors, options.mp)
        tokenizer = find_tokenizer(options.tokenizer or options.checkpoint)
        if options.tokenizer and tokenizer is None:
            raise ConvertError(f"{options.tokenizer} has no {FAST}, nor the files that came before it.")
        problems = [
            *validate(checkpoint, architecture),
            *check_rows(architecture, tokenizer),
            *target.check(architecture, options),
        ]
        if problems:
            raise ConvertError(f"{options.checkpoint} can't be converted; nothing was written:", problems)
        architecture = replace(architecture, eos=end_id(architecture, tokenizer))
        for line in _findings(checkpoint, architecture, tokenizer, options):
            say(line)
        weights = GptjWeights(checkpoint, architecture)
        planned = target.planned_bytes(weights, architecture, options)
        total = planned + (gptj_checkpoint.planned_bytes(weights) if options.also_gptj else 0)
        total += _tokenizer_bytes(tokenizer) * (1 + options.also_gptj)
        _check_places(options, total)
        progress.begin(f"Converting {options.checkpoint.name}", total)
        stage = stages.enter_context(staged(options.out, force=options.force, advance=progress.advance))
        manifest = Manifest(options.target, options.checkpoint.name, architecture, gpus=options.gpus)
        if options.also_gptj:
            beside = staged(options.gptj_out, force=options.force, advance=progress.advance)
            _write_gptj(weights, manifest, tokenizer, stages.enter_context(beside))
        _copy_tokenizer(tokenizer, stage, f"{MODEL_NAME}/{FOLDER}/")
        written = target.write(weights, architecture, options, stage, tokenizer)
        return _sign(manifest, written, stage)


def _write_gptj(
    weights: GptjWeights, manifest: Manifest, tokenizer: TokenizerFacts | None, stage: Stage
) -> None:
    _copy_tokenizer(tokenizer, stage, "")
    written = gptj_checkpoint.write(weights, manifest.architecture, stage)
    _sign(replace(manifest, target="gptj", gpus=1), written, stage)


def _sign(manifest: Manifest, written: Written, stage: Stage) -> Manifest:
    manifest = replace(
        manifest,
        rows=written.rows,
        dtype=written.dtype,
        quantization=written.quantization,
        made_by=f"pilotfish-backend {version()}",
        files=dict(sorted(stage.files.items())),
    )
    stage.write_text(NAME, manifest.text())
    return manifest


def _copy_tokenizer(tokenizer: TokenizerFacts | None, stage: Stage, folder: str) -> None:
    if tokenizer is None:
        return
    for name, path in tokenizer.files.items():
        stage.copy(path, f"{folder}{name}")
    if FAST not in tokenizer.files:
        stage.write_text(f"{folder}{FAST}", tokenizer.json_text())


def _tokenizer_bytes(tokenizer: TokenizerFacts | None) -> int:
    return sum(path.stat().st_size for path in tokenizer.files.values()) if tokenizer else 0


def _check_places(options: ConvertOptions, total: int) -> None:
    """All that is to be found out before anything is written: places that are taken, and room on the disk."""
    for out in (options.out, options.gptj_out) if options.also_gptj else (options.out,):
        check_place(out, force=options.force)
        if options.checkpoint.is_relative_to(out):
            raise ConvertError(f"{out} holds the checkpoint that is to be converted. Choose another --out.")
    parent = next(each for each in options.out.parents if each.exists())
    free = shutil.disk_usage(parent).free
    if free < total + _SPARE:
        raise ConvertError(
            f"{parent} has room for {readable(free)}, and the result takes {readable(total + _SPARE)}. Nothing was "
            "written. Make room, or choose another --out."
        )


def _findings(
    checkpoint: Checkpoint, found: Architecture, tokenizer: TokenizerFacts | None, options: ConvertOptions
) -> Iterator[str]:
    """What a person should know before a long conversion."""
    yield (
        f"{found.family} of {found.layers} layers, {found.heads} heads of {found.head_dim}, "
        f"{found.rows} rows of the vocabulary"
    )
    if found.family == "codegen":
        why = "as told" if options.mp else "by the configuration; --mp overrides"
        yield f"query, value and key in {found.mp} slices ({why})"
    if (stated := checkpoint.config.get("vocab_size")) != found.rows:
        yield f"config.json says {stated} rows; the tensors have {found.rows}, and they count"
    if tokenizer is None:
        yield "no tokenizer here; serving will need --tokenizer"
    elif found.eos != checkpoint.config.get("eos_token_id"):
        yield f"a text ends with {found.eos}, as the tokenizer has it"
    if options.target == "fastertransformer" and found.head_dim not in fastertransformer.KERNELS:
        yield f"FasterTransformer has no kernel for heads of {found.head_dim}, so it will not serve this"
