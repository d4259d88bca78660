"""How fast a checkpoint is converted, and in how much memory: against cp and sha256 of as many bytes, in one run.

    python -P bench/convert.py [--work DIR] [--layers N] [--gpus N] [--rounds N] [--json PATH] [--sparse]

The checkpoint has CodeGen-6B's width, so its largest tensors are of the real size; ``--layers 33`` is all of it. Its
numbers are random, so that every byte is one on the disk; with ``--sparse`` they are zeros that take no room, which
measures memory but no rate. Both sides read from the disk what the page cache has been told to forget, and end when all
is on the disk. Memory is the peak of RssAnon + RssShmem of the converting process; pages of mapped files are not
counted, since the system takes them back when it needs them.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.mapping import stored_shapes

SHAPE = Architecture(
    layers=2,
    heads=16,
    head_dim=256,
    hidden=4096,
    inter=16384,
    rotary_dim=64,
    positions=2048,
    rows=51200,
    mp=4,
)
CODES = {"float16": "F16", "float32": "F32"}
CASES = (
    ("float16", "fp32"),
    ("float32", "fp32"),
    ("float16", "fp16"),
    ("float16", "float16"),
    ("float16", "int8"),
    ("float32", "int8_float16"),
)
"""Types of the checkpoint and of the files. For FasterTransformer: one of the hub for FauxPilot's image, a fine-tuned
one, newer servers; for CTranslate2: as it is, for CPUs, a fine-tuned one for GPUs."""
DTYPES = ("fp32", "fp16")
"""FasterTransformer's; all others are CTranslate2's quantizations."""
MEMORY_BAR = 1.5e9
RATE_BAR = 0.7
CHUNK = 4 << 20
RESULTS = Path(__file__).parent / "results" / "convert.json"


@dataclass(slots=True)
class Case:
    """One pair of types, and what was measured of it."""

    name: str = ""
    read: int = 0
    """Bytes of the checkpoint."""
    written: int = 0
    """Bytes of the repository."""
    peak: int = 0
    """Bytes of memory."""
    seconds: list[float] = field(default_factory=list)
    """To convert, one number a round."""
    copy_seconds: list[float] = field(default_factory=list)
    """To copy and hash as many bytes as were read or written, whichever is more."""

    @property
    def moved(self) -> int:
        """Bytes of what was copied."""
        return max(self.read, self.written)

    @property
    def ratio(self) -> float:
        """The conversion's rate as a part of the copy's; of the best rounds, for others only ever slow them down."""
        return min(self.copy_seconds) / min(self.seconds)


def main() -> int:
    """Run the benchmark; the exit status says whether the bars hold."""
    parser = argparse.ArgumentParser(
        description="Measure the conversion of a checkpoint as wide as CodeGen-6B."
    )
    parser.add_argument(
        "--work", type=Path, help="a folder on the disk to measure (default: a temporary one)"
    )
    parser.add_argument("--layers", type=int, default=2, help="of 33 (default: %(default)s)")
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sparse", action="store_true", help="measure memory only")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work, prefix="convert-bench-") as work:
        cases = [
            measure(
                Path(work),
                *types,
                layers=arguments.layers,
                gpus=arguments.gpus,
                rounds=arguments.rounds,
                sparse=arguments.sparse,
            )
            for types in (CASES[:1] if arguments.sparse else CASES)
        ]
    print(table(cases, sparse=arguments.sparse))
    machine = {"platform": platform.platform(), "processors": os.cpu_count(), "load": os.getloadavg()}
    found = [asdict(case) | ({} if arguments.sparse else {"ratio": case.ratio}) for case in cases]
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(
        json.dumps({"machine": machine, "layers": arguments.layers, "cases": found}, indent=2) + "\n"
    )
    return 0 if all(holds(case, sparse=arguments.sparse) for case in cases) else 1


def holds(case: Case, *, sparse: bool) -> bool:
    """Whether the bars hold."""
    return case.peak <= MEMORY_BAR and (sparse or case.ratio >= RATE_BAR)


def measure(
    work: Path, stored: str, dtype: str, *, layers: int, gpus: int, rounds: int, sparse: bool
) -> Case:
    """Rounds of converting and copying, so that what else the machine does meets both alike."""
    checkpoint, out, copy = work / "checkpoint", work / "out", work / "copy"
    case = Case(f"{stored} to {dtype}")
    case.read = write_checkpoint(checkpoint, stored, layers, sparse=sparse)
    for _ in range(1 if sparse else rounds):
        shutil.rmtree(out, ignore_errors=True)
        forget(checkpoint)
        seconds, peak = convert(checkpoint, out, dtype, gpus)
        case.seconds.append(seconds)
        case.peak = max(case.peak, peak)
        case.written = sum(path.stat().st_size for path in files(out))
        if not sparse:
            larger = out if case.written > case.read else checkpoint
            forget(larger)
            case.copy_seconds.append(copy_and_hash(larger, copy))
    for folder in (checkpoint, out):
        shutil.rmtree(folder)
    return case


def write_checkpoint(folder: Path, stored: str, layers: int, *, sparse: bool) -> int:
    """A CodeGen in one safetensors file without a tokenizer; its bytes."""
    folder.mkdir()
    config = {
        "model_type": "codegen",
        "n_layer": layers,
        "n_head": SHAPE.heads,
        "n_embd": SHAPE.hidden,
        "rotary_dim": SHAPE.rotary_dim,
        "n_positions": SHAPE.positions,
        "vocab_size": SHAPE.rows,
        "eos_token_id": 50256,
    }
    (folder / "config.json").write_text(json.dumps(config))
    header, at = {}, 0
    for name, shape in stored_shapes(replace(SHAPE, layers=layers)).items():
        size = int(np.prod(shape)) * np.dtype(stored).itemsize
        header[name] = {"dtype": CODES[stored], "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    numbers = np.random.default_rng(0).standard_normal(CHUNK, np.float32) * np.float32(0.02)
    block = numbers.astype(stored).tobytes()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if sparse:
            file.truncate(8 + len(text) + at)
        else:
            for start in range(0, at, len(block)):
                file.write(block[: at - start])
        os.fsync(file.fileno())
    return at


def convert(checkpoint: Path, out: Path, dtype: str, gpus: int) -> tuple[float, int]:
    """Seconds and peak memory of the command, from its start to its end."""
    command = [sys.executable, "-P", "-m", "pilotfish.backend", "convert", str(checkpoint), "--out", str(out)]
    if dtype in DTYPES:
        command += ["--target", "fastertransformer", "--dtype", dtype, "--gpus", str(gpus)]
    else:
        command += ["--target", "ctranslate2", "--quantization", dtype]
    started = time.perf_counter()
    peak = 0
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.01)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise SystemExit((process.stderr.read() or b"").decode())
    return seconds, peak


def memory(pid: int) -> int:
    """Bytes that are the process's own: anonymous and shared memory."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = dict(line.split(":", 1) for line in status.splitlines())
    return sum(int(found[key].split()[0]) * 1024 for key in ("RssAnon", "RssShmem") if key in found)


def copy_and_hash(source: Path, copy: Path) -> float:
    """Seconds of cp, of having it on the disk, and of hashing the copy; the copy is removed."""
    started = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    for path in files(copy):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            hashlib.file_digest(file, "sha256")
    seconds = time.perf_counter() - started
    shutil.rmtree(copy)
    return seconds


def forget(folder: Path) -> None:
    """Have the page cache drop what is on the disk already."""
    for path in files(folder):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def files(folder: Path) -> Iterator[Path]:
    """All files below."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def table(cases: Sequence[Case], *, sparse: bool) -> str:
    """What was measured, for people."""
    lines = [
        f"{'checkpoint to files':22}{'GB in':>8}{'GB out':>8}{'memory MB':>11}{'MB/s':>8}{'cp+sha256':>11}{'ratio':>8}"
    ]
    for case in cases:
        rate = case.moved / 1e6 / min(case.seconds)
        line = (
            f"{case.name:22}{case.read / 1e9:8.1f}{case.written / 1e9:8.1f}{case.peak / 1e6:11.0f}{rate:8.0f}"
        )
        if not sparse:
            line += f"{case.moved / 1e6 / min(case.copy_seconds):11.0f}{case.ratio:8.2f}"
        lines.append(line)
    lines.append(f"bars: memory at most {MEMORY_BAR / 1e6:.0f} MB, ratio at least {RATE_BAR}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
