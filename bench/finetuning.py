"""How fast a model is tuned, and in how much memory: tokens a second and peaks, in a table and as JSON.

    PYTHONPATH=tests:bench python -P bench/finetuning.py [--shape NAME | --model DIR] [--data DIR] [--cases plain,lora]
                                      [--gpus N] [--steps N] [--block-size N] [--batch-size N] [--json PATH]

Each case is a training by `pilotfish-backend finetune`, in processes of its own. A shape is a CodeGen with random
weights: how fast it trains does not hang on what it knows. Without --data it learns the sources of Python's own
library. Tokens a second are those of the median step, without loading, evaluating and writing; the peak is that of the
first GPU, or of the first process where there is none.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.finetuning import write_data
from harness.tiny_codegen import TinyShape, write_codegen

SHAPES: Mapping[str, TinyShape] = {
    "tiny": TinyShape(layers=2, heads=4, head_dim=16, rotary_dim=8),
    "small": TinyShape(layers=4, heads=4, head_dim=32, rotary_dim=16),
    "350M": TinyShape(layers=20, heads=16, head_dim=64, rotary_dim=32),
    "2B": TinyShape(layers=32, heads=32, head_dim=80, rotary_dim=64),
}
CASES: Mapping[str, Sequence[str]] = {
    "plain": (),
    "checkpointing": ("--gradient-checkpointing",),
    "lora": ("--lora",),
    "zero2": ("--deepspeed", "zero2"),
    "zero3": ("--deepspeed", "zero3"),
}
SOURCES = (
    "argparse",
    "ast",
    "dataclasses",
    "datetime",
    "difflib",
    "inspect",
    "ipaddress",
    "logging/__init__",
)
RESULTS = Path(__file__).parent / "results" / "finetune.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """One case."""

    name: str = ""
    status: int = 0
    """Exit status; the other numbers are 0 unless it is 0."""
    tokens_per_second: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0
    """All in all, with loading and writing."""
    device: str = ""
    precision: str = ""
    processes: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    said: str = ""
    """Of a case that failed: why."""


def main() -> int:
    """Run the benchmark; the exit status 1: a case failed."""
    parser = argparse.ArgumentParser(description="Measure how fast a model is tuned, and in how much memory.")
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--model", type=Path, help="a checkpoint, instead of a shape")
    parser.add_argument("--data", type=Path, help="a data set, instead of Python's own sources")
    parser.add_argument("--cases", default="plain,lora", help=f"of {', '.join(CASES)} (default: %(default)s)")
    parser.add_argument("--gpus", default="", help="as of 'finetune'")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--block-size", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finetune-bench-") as folder:
        work = Path(folder)
        base = arguments.model or write_shape(work / "base", SHAPES[arguments.shape])
        data = arguments.data or write_data(work / "data", sources=SOURCES, held_out=1)
        options = ["--max-steps", str(arguments.steps), "--block-size", str(arguments.block_size)]
        options += ["--batch-size", str(arguments.batch_size), "--save-steps", str(10**9)]
        options += ["--gpus", arguments.gpus] if arguments.gpus else []
        found = [
            measure(name, work / name, [str(base), "--data", str(data), *options, *CASES[name]])
            for name in arguments.cases.split(",")
        ]
    print(table(found))
    machine = {"platform": platform.platform(), "processors": os.cpu_count(), "load": os.getloadavg()}
    what = {"shape": arguments.shape if arguments.model is None else arguments.model.name, "options": options}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    cases = [asdict(case) for case in found]
    arguments.json.write_text(json.dumps({"machine": machine, **what, "cases": cases}, indent=2) + "\n")
    return int(any(case.status for case in found))


def write_shape(folder: Path, shape: TinyShape) -> Path:
    """Write a CodeGen of that shape."""
    return write_codegen(
        folder,
        rows=shape.rows,
        layers=shape.layers,
        heads=shape.heads,
        head_dim=shape.head_dim,
        rotary_dim=shape.rotary_dim,
    )


def measure(name: str, out: Path, options: Sequence[str]) -> Measured:
    """Run one training and read what it took."""
    argv = [sys.executable, "-P", "-m", "pilotfish.backend", "finetune", *options, "--out", str(out)]
    began = time.monotonic()
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        return Measured(name, done.returncode, seconds=seconds, said=done.stderr[-2000:])
    record = json.loads((out / "training.json").read_text("utf-8"))
    losses = [step["loss"] for step in record["steps"]]
    return Measured(
        name,
        tokens_per_second=record["tokens_per_second"],
        peak_bytes=record["result"]["peak_bytes"],
        seconds=seconds,
        device=record["result"]["device"],
        precision=record["settings"]["precision"],
        processes=record["settings"]["world"],
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def table(cases: Sequence[Measured]) -> str:
    """For people, in Markdown."""
    lines = [
        "| case | processes | computed in | tokens/s | peak memory | all in all | loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        if case.status:
            lines.append(f"| {case.name} | failed: {case.said.strip().splitlines()[-1]} | | | | | |")
            continue
        lines.append(
            f"| {case.name} | {case.processes} on {case.device} | {case.precision} | {case.tokens_per_second:,.0f} | "
            f"{case.peak_bytes / 1e9:.2f} GB | {case.seconds:.0f} s | {case.first_loss:.2f} → {case.last_loss:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
