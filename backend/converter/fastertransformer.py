"""Target ``fastertransformer``: GPT-J's files for that many GPUs, with the configurations of every version.

Files are written side by side, one for each processor: turning, hashing and writing leave Python's lock.
"""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from math import prod

from .architecture import Architecture
from .blocks import constant, straight, turned
from .layout import FileSpec, check_gpus, layout_files, padded_rows, weights_folder
from .mapping import GptjWeights
from .options import ConvertOptions
from .problems import ConvertError, Problem
from .signature import MODEL_NAME
from .staging import Stage
from .targets import Written
from .tensors import Rows
from .tokenizer_files import TokenizerFacts
from .triton_config import FasterTransformerConfig, ini_text, model_config

OLDEST = "fp32"
"""The one type of numbers that backend 1.1 reads, whatever it computes in."""
NEVER = -10_000.0
"""Bias of a padded row, which must not be chosen: far below every logit, and finite in half precision."""
KERNELS = (32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256)
"""Sizes of a head that some version of FasterTransformer can compute."""
_FILL = {"lm_head.bias": NEVER}
_MOST_WORKERS = 4


def check(architecture: Architecture, options: ConvertOptions) -> list[Problem]:
    """What keeps this model from being written like that."""
    problems = check_gpus(architecture, options.gpus)
    if options.quantization is not None:
        problems.append(
            Problem("--quantization", "is for the target ctranslate2; FasterTransformer has --dtype")
        )
    if options.device == "cpu":
        problems.append(
            Problem("--device", "FasterTransformer runs on GPUs only; take the target ctranslate2")
        )
    return problems


def planned_bytes(_weights: GptjWeights, architecture: Architecture, options: ConvertOptions) -> int:
    """Bytes of the weights."""
    rows = padded_rows(architecture.rows, options.gpus)
    dtype = options.dtype or OLDEST
    return sum(spec.bytes(dtype) for spec in layout_files(architecture, options.gpus, rows))


def write(
    weights: GptjWeights,
    architecture: Architecture,
    options: ConvertOptions,
    stage: Stage,
    _tokenizer: TokenizerFacts | None = None,
) -> Written:
    """Write configurations and weights. Raises ``ConvertError`` for numbers that can't be written."""
    dtype = options.dtype or OLDEST
    rows = padded_rows(architecture.rows, options.gpus)
    config = FasterTransformerConfig(
        name=options.checkpoint.name,
        layers=architecture.layers,
        heads=architecture.heads,
        head_dim=architecture.head_dim,
        inter=architecture.inter,
        rotary_dim=architecture.rotary_dim,
        positions=architecture.positions,
        rows=rows,
        end_id=architecture.eos,
        gpus=options.gpus,
        dtype=dtype,
        mount=options.mount,
    )
    folder = f"{MODEL_NAME}/1/{weights_folder(options.gpus)}"
    _write_texts(config, folder, stage)
    files = layout_files(architecture, options.gpus, rows)
    files.sort(key=lambda spec: spec.bytes(dtype), reverse=True)  # so that no worker ends with a large one
    jobs = [partial(_write_file, weights, spec, folder, dtype, stage) for spec in files]
    with ThreadPoolExecutor(min(_MOST_WORKERS, os.cpu_count() or 1)) as workers:
        try:
            running = [workers.submit(job) for job in jobs]
            for done in wait(running, return_when=FIRST_EXCEPTION).done:
                done.result()
        except BaseException:
            stage.stop()
            workers.shutdown(cancel_futures=True)
            raise
    return Written(rows=rows, dtype=dtype)


def _write_texts(config: FasterTransformerConfig, folder: str, stage: Stage) -> None:
    # Backend 1.1 would take files of another type than its own for noise; the seed's type keeps its clients out.
    modern = config.dtype != OLDEST
    stage.write_text(f"{MODEL_NAME}/config.pbtxt", model_config(config, modern=modern))
    stage.write_text(f"{MODEL_NAME}/configs/unary.pbtxt", model_config(config, modern=True))
    stage.write_text(
        f"{MODEL_NAME}/configs/decoupled.pbtxt", model_config(config, modern=True, decoupled=True)
    )
    stage.write_text(f"{folder}/config.ini", ini_text(config))


def _write_file(weights: GptjWeights, spec: FileSpec, folder: str, dtype: str, stage: Stage) -> None:
    with stage.open(f"{folder}/{spec.path}") as file:
        written = 0
        for block in _blocks(weights, spec, dtype):
            file.write(block)
            written += len(block)
    if written != spec.bytes(dtype):
        raise ConvertError(
            f"{spec.path} came to {written} bytes instead of {spec.bytes(dtype)}: this is a fault of ours."
        )


def _blocks(weights: GptjWeights, spec: FileSpec, dtype: str) -> Iterator[memoryview | bytes]:
    parts = [_part(weights.rows(name), spec) for name in spec.source]
    where = spec.source[0]
    if spec.transposed:
        first, last = _columns(spec, parts[0].shape[1])
        yield from turned(parts, first, last, dtype, where)
        return
    (part,) = parts
    yield from straight(part, dtype, where)
    if missing := spec.shape[0] - part.shape[0]:  # rows that pad a vocabulary
        yield constant(_FILL.get(where, 0.0), missing * prod(spec.shape[1:]), dtype)


def _part(rows: Rows, spec: FileSpec) -> Rows:
    """The rows of the checkpoint's tensor that a rank has; all, if it shares out columns or nothing."""
    if spec.rank is None or (spec.transposed and spec.split_axis == 0):
        return rows
    count = spec.shape[-1]
    return rows.between(spec.rank * count, (spec.rank + 1) * count)


def _columns(spec: FileSpec, count: int) -> tuple[int, int]:
    """The columns of the checkpoint's matrix that a rank has."""
    if spec.rank is None or spec.split_axis != 0:
        return 0, count
    return spec.rank * spec.shape[0], (spec.rank + 1) * spec.shape[0]
