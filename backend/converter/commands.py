"""``pilotfish-backend convert`` and ``pilotfish-backend verify``: what they understand and what they say."""

import argparse
import sys
from pathlib import Path

from pilotfish.backend.argument_types import positive
from pilotfish.backend.models.progress import shown_on

from .triton_config import MOUNT

QUANTIZATIONS = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16")


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to the parser of ``pilotfish-backend``."""
    _add_convert(commands)
    _add_verify(commands)


def run_convert(options: argparse.Namespace) -> int:
    """Convert; the exit status: 0 done, 1 it can't be done, 130 interrupted."""
    from .convert import convert
    from .options import ConvertOptions
    from .problems import ConvertError

    asked = ConvertOptions(
        checkpoint=options.checkpoint,
        out=options.out,
        target=options.target,
        gpus=options.gpus,
        dtype=options.dtype,
        quantization=options.quantization,
        device=options.device,
        also_gptj=options.also_gptj,
        mp=options.mp,
        tokenizer=options.tokenizer,
        force=options.force,
        mount=options.mount,
    )
    try:
        with shown_on(sys.stderr) as progress:
            manifest = convert(asked, progress, _say)
    except ConvertError as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        _say(f"pilotfish-backend: stopped. {asked.out} is as it was.")
        return 130
    total = sum(entry.bytes for entry in manifest.files.values())
    _say(f"{asked.out}: {len(manifest.files)} files, {total:,} bytes, {manifest.rows} rows of the vocabulary")
    if asked.also_gptj:
        _say(f"{asked.gptj_out}: the same as a GPT-J")
    _say(f"Check it: pilotfish-backend verify {asked.out} --against {asked.checkpoint}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Verify; the exit status: 0 all holds, 1 something does not, 130 interrupted."""
    from .problems import ConvertError
    from .verify import verify

    try:
        with shown_on(sys.stderr) as progress:
            problems = verify(options.repository, options.against, progress, _say)
    except ConvertError as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    for problem in problems:
        _say(str(problem))
    if problems:
        _say(f"{options.repository} must not be served. Convert it again.")
        return 1
    _say(
        f"{options.repository}: {'all holds' if options.against else 'sizes, hashes and configurations hold'}"
    )
    return 0


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    convert = commands.add_parser(
        "convert",
        help="make a model repository for Triton out of a CodeGen or GPT-J checkpoint",
        description="Make a model repository for Triton out of a CodeGen or GPT-J checkpoint in Hugging Face's layout\n"
        "(safetensors or pytorch_model.bin). No torch is needed, and nothing in the checkpoint is run.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_CONVERT_NOTES,
    )
    add = convert.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="the folder with config.json and the weights")
    add("--out", type=Path, required=True, metavar="DIR", help="the model repository")
    add(
        "--target",
        choices=("fastertransformer", "ctranslate2"),
        required=True,
        help="fastertransformer: FauxPilot's Triton image; ctranslate2: any current Triton, GPU or CPU",
    )
    add("--force", action="store_true", help="replace a repository that is there, once the new one is whole")
    add("--tokenizer", type=Path, metavar="DIR|FILE", help="tokenizer.json (default: the checkpoint's)")
    add(
        "--mp",
        type=positive,
        metavar="N",
        help="slices of CodeGen's query-key-value projection (default: by rule)",
    )
    add(
        "--also-gptj",
        action="store_true",
        help="write DIR-gptj too: the model as a GPT-J for transformers, vLLM",
    )
    add("--dtype", choices=("fp32", "fp16"), help="of numbers that are not quantised; see below")
    faster = convert.add_argument_group("fastertransformer")
    faster.add_argument(
        "--gpus", type=positive, default=1, metavar="N", help="that share the model (default: %(default)s)"
    )
    faster.add_argument(
        "--mount",
        default=MOUNT,
        metavar="PATH",
        help="the repository's folder as the server will see it (default: %(default)s, FauxPilot's)",
    )
    other = convert.add_argument_group("ctranslate2")
    other.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        metavar="TYPE",
        help=f"{', '.join(QUANTIZATIONS)} (default: the checkpoint's own)",
    )
    other.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where it will run, so that clients can be told; auto (default): wherever it finds itself",
    )


_CONVERT_NOTES = """\
--dtype for fastertransformer: fp32 (default) is what every version reads; FauxPilot's image (backend 1.1) reads
nothing else, and computes in half precision all the same. fp16 takes half the disk, for backend 1.2 (FasterTransformer
5.1) and newer only. For ctranslate2: the checkpoint's own by default.

DIR/fastertransformer/config.pbtxt is for unary requests. In configs/ beside it, decoupled.pbtxt streams; unary.pbtxt,
for fastertransformer, has the 64-bit seed of backend 1.2 and newer. Start Triton with --model-config-name, or copy one
over config.pbtxt.

All tensors are checked before anything is written. The repository is written beside DIR and renamed when it is whole: a
run that fails or is killed leaves DIR as it was. Exit status: 0 done, 1 can't be done, 130 interrupted."""


def _add_verify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verify = commands.add_parser(
        "verify",
        help="check a model repository: sizes, hashes, configurations, logits",
        description="Check a model repository: every file's size for every GPU, its hash, that all configurations say "
        "the same, and with --against that it computes what the checkpoint computes.",
    )
    verify.add_argument("repository", type=Path, metavar="DIR", help="the model repository")
    verify.add_argument(
        "--against", type=Path, metavar="CHECKPOINT", help="compare logits with the checkpoint's"
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
