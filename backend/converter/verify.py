"""Whether a model repository is what it was converted to be: sizes, hashes, configurations, and what it computes."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotfish.backend.models.progress import Progress, Silent

from .architecture import Architecture, read_architecture
from .check import check_sizes, described, refuse_others
from .compare import BARS, compare, probe_ids
from .layout import weights_folder
from .manifest import MODEL, NAME, Manifest
from .mapping import validate
from .problems import ConvertError, Problem
from .reference import FT_EPS, logits
from .reference_weights import FasterTransformerWeights, HuggingFaceWeights, checkpoint_weights, sizes_of
from .source import Checkpoint, open_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BLOCK = 4 * 1024 * 1024
_DTYPES: Mapping[str, str] = {"fp32": "float32", "fp16": "float16"}
Say = Callable[[str], None]


def verify(
    repository: Path,
    against: Path | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> list[Problem]:
    """Everything that is wrong with a repository, each with its file; an empty list: nothing.

    ``against`` names the checkpoint that it was converted from: its logits are compared with those of the repository's
    files, which takes time to read both. They are compared only when all else holds, so that a damaged file is
    named itself and not by what follows. ``say`` is told figures, and what could not be checked. Raises
    ``ConvertError`` if there is nothing to check, or nothing to compare with: at once, not when the hashes are done.
    """
    progress = progress or Silent()
    refuse_others(repository)
    if problems := check_sizes(repository):
        return problems
    manifest, foreign = described(repository)
    if foreign:
        say(f"There is no {NAME}: another program converted this, so the files have no hashes to be checked.")
    with ExitStack() as stack:
        checkpoint = None if against is None else stack.enter_context(open_checkpoint(against))
        if checkpoint is not None and manifest.target == "ctranslate2" and find_spec("ctranslate2") is None:
            raise ConvertError("Comparing logits needs CTranslate2: pip install 'pilotfish[convert]'")
        if problems := list(_hash_problems(repository, manifest, progress)):
            return problems
        if checkpoint is None:
            return []
        return _logit_problems(repository, manifest, checkpoint, progress, say)


def _hash_problems(repository: Path, manifest: Manifest, progress: Progress) -> Iterator[Problem]:
    total = sum(entry.bytes for entry in manifest.files.values())
    progress.begin("Checking the files' hashes", total)
    for path, entry in manifest.files.items():
        digest = hashlib.sha256()
        try:
            with (repository / path).open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    progress.advance(len(block))
        except OSError as error:
            yield Problem(path, f"can't be read: {error.strerror}")
            continue
        if digest.hexdigest() != entry.sha256:
            yield Problem(
                path, "was changed after it was written: its SHA-256 is another than the manifest's"
            )


def _logit_problems(
    repository: Path, manifest: Manifest, checkpoint: Checkpoint, progress: Progress, say: Say
) -> list[Problem]:
    where = checkpoint.path.name
    mp = manifest.architecture.mp if checkpoint.config.get("model_type") == "codegen" else None
    architecture = read_architecture(checkpoint.config, checkpoint.tensors, None if mp == 1 else mp)
    if problems := validate(checkpoint, architecture):
        raise ConvertError(f"{checkpoint.path} can't be compared with:", problems)
    if problems := list(_other_sizes(where, manifest, architecture)):
        return problems
    ids = probe_ids(architecture.rows)
    progress.begin("Computing logits out of the checkpoint", None)
    expected = logits(checkpoint_weights(checkpoint, architecture), ids, (architecture.eps, FT_EPS))
    progress.begin("Computing logits out of the repository", None)
    dtype, found = _COMPUTE[manifest.target](repository, manifest, ids)
    return list(_differences(expected, found, dtype, say))


def _other_sizes(where: str, manifest: Manifest, architecture: Architecture) -> Iterator[Problem]:
    """Where the repository is of another model than the checkpoint."""
    for name in ("layers", "heads", "head_dim", "inter", "rotary_dim"):
        ours, theirs = getattr(manifest.architecture, name), getattr(architecture, name)
        if ours != theirs:
            yield Problem(where, f"has {name} {theirs}, but the repository is of a model with {ours}")
    if manifest.rows < architecture.rows:
        yield Problem(where, f"has {architecture.rows} rows, but the repository only {manifest.rows}")


def _differences(expected: "Array", found: "Array", dtype: str, say: Say) -> Iterator[Problem]:
    """Compare [k, n, V] with [k', n, V'], where k' may be less than k, and V' more than V by what pads it."""
    rows = expected.shape[-1]
    for index, eps in zip(range(len(found)), ("as the model has it", f"{FT_EPS:g}"), strict=False):
        comparison = compare(expected[index], found[index, :, :rows])
        say(f"Logits (LayerNorm's constant {eps}): {comparison}.")
        if comparison.apart > (bar := BARS[dtype]):
            what = f"{comparison}. Rounding to {dtype} explains {bar:g}; q, k or v may be swapped"
            yield Problem("logits", f"those of the repository are not the checkpoint's: {what}")
    if found.shape[-1] > rows and (found[..., rows:].max(-1) >= found[..., :rows].max(-1)).any():
        yield Problem("logits", "rows that pad the vocabulary win over real ones; convert again")


def _fastertransformer(repository: Path, manifest: Manifest, ids: list[int]) -> tuple[str, "Array"]:
    weights = fastertransformer_weights(repository, manifest)
    return weights.dtype, logits(weights, ids, (manifest.architecture.eps, FT_EPS))


def fastertransformer_weights(repository: Path, manifest: Manifest) -> FasterTransformerWeights:
    """The files of all ranks, for the reference decoder."""
    return FasterTransformerWeights(
        folder=repository / MODEL / "1" / weights_folder(manifest.gpus),
        sizes=sizes_of(manifest.architecture, manifest.rows),
        inter=manifest.architecture.inter,
        ranks=manifest.gpus,
        dtype=_DTYPES[manifest.dtype],
    )


def _gptj(repository: Path, manifest: Manifest, ids: list[int]) -> tuple[str, "Array"]:
    with open_checkpoint(repository) as checkpoint:
        weights = HuggingFaceWeights(checkpoint, sizes_of(manifest.architecture, manifest.rows))
        dtype = checkpoint.tensors["lm_head.weight"].dtype
        return dtype, logits(weights, ids, (manifest.architecture.eps, FT_EPS))


def _ctranslate2(repository: Path, manifest: Manifest, ids: list[int]) -> tuple[str, "Array"]:
    """By the engine itself, on the CPU: what is quantised as it is, and the rest in float32."""
    import ctranslate2
    import numpy as np

    # int8_float16 is int8, and float16 is what is not quantised: the coarser counts.
    stored = (manifest.quantization or manifest.dtype).split("_")[0]
    computed = "int8_float32" if stored == "int8" else "float32"
    folder = repository / MODEL / "1" / "weights"
    generator = ctranslate2.Generator(str(folder), device="cpu", compute_type=computed)
    found = np.array(generator.forward_batch([ids]))  # [1, n, V]
    return _DTYPES.get(stored, stored), found


_COMPUTE: Mapping[str, Callable[[Path, Manifest, list[int]], tuple[str, "Array"]]] = {
    "fastertransformer": _fastertransformer,
    "ctranslate2": _ctranslate2,
    "gptj": _gptj,
}
