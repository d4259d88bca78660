"""How fast the decoder is at CodeGen's sizes, against what the memory can give: for a GPU, tried out on a CPU.

    PYTHONPATH=bench python -P bench/gpu_decoder.py [--shapes 350M,2B,6B] [--types float16,int8] [--work DIR]

One token needs every weight once, except the embeddings, so a stream's tokens per second times those bytes can at best
be the memory's bandwidth; the share of it is what is to be looked at. The weights are random, and are made here without
a checkpoint. Besides one stream: reading a prompt, eight rows in one batch, and as many streams as there are slots.
Needs numpy and ctranslate2, and on a GPU cuBLAS 12; on a CPU the bandwidth is that of a copy in memory.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from cuda_memory import Cuda, CudaError
from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.ct2_folder import config_text, vocabulary
from pilotfish.backend.converter.ct2_format import ITEM_SIZES, model_file, read_index
from pilotfish.backend.converter.ct2_model import REVISION, SPECIFICATION, decoder_variables
from pilotfish.backend.converter.ct2_numbers import SCHEMES
from pilotfish.backend.converter.mapping import gptj_shapes
from pilotfish.backend.converter.tensors import Rows
from pilotfish.backend.decoder.decoder import Decoder, Row
from scenarios.report import Row as Measured
from scenarios.report import machine, median, table, write

RESULTS = Path(__file__).parent / "results" / "gpu_decoder.json"
SHAPES = {  # layers, heads, head_dim, rotary_dim
    "tiny": (4, 4, 64, 32),
    "350M": (20, 16, 64, 32),
    "2B": (32, 32, 80, 64),
    "6B": (33, 16, 256, 64),
    "16B": (34, 24, 256, 64),
}
ROWS = 51200
PROMPT = 64
LONG_PROMPT = 1024
TOKENS = 128
BATCH = 8
SLOTS = 4
ROUNDS = 3
_BLOCK = 1 << 20  # random numbers that a matrix repeats


def main() -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(description="Measure the decoder at CodeGen's sizes.")
    parser.add_argument(
        "--shapes", default="350M,2B,6B", help=f"of {', '.join(SHAPES)} (default: %(default)s)"
    )
    parser.add_argument(
        "--types", default="float16,int8_float16", help="how weights are stored (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument(
        "--work", type=Path, help="where a model has room (default: the system's temporary folder)"
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    cuda = None if arguments.device == "cpu" else gpu(needed=arguments.device == "cuda")
    bandwidth = cuda.copy_bandwidth() if cuda else host_bandwidth()
    facts = machine() | {"gpu": cuda.name if cuda else None}
    rows = [Measured("memory", "copy bandwidth", bandwidth / 1e9, "GB/s")]
    if cuda:
        rows.append(Measured("memory", "stated bandwidth", cuda.stated_bandwidth / 1e9, "GB/s"))
    for shape in arguments.shapes.split(","):
        for stored in arguments.types.split(","):
            with tempfile.TemporaryDirectory(dir=arguments.work, prefix="decoder-") as folder:
                bench = Bench(f"{shape} {stored}", cuda, bandwidth, arguments.tokens)
                rows += bench.run(Path(folder), architecture_of(shape), stored)
            sys.stderr.write(f"{shape} {stored} done\n")
            write(arguments.json, rows, facts)  # so that a run that is cut short leaves what it has
    sys.stdout.write(table(rows) + "\n")
    return 0


def gpu(*, needed: bool) -> Cuda | None:
    """The GPU, if there is one that CTranslate2 sees."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        return Cuda()
    if needed:
        raise CudaError("CTranslate2 sees no GPU")
    return None


def architecture_of(shape: str) -> Architecture:
    """A CodeGen's sizes."""
    layers, heads, head_dim, rotary_dim = SHAPES[shape]
    hidden = heads * head_dim
    return Architecture(
        layers=layers,
        heads=heads,
        head_dim=head_dim,
        hidden=hidden,
        inter=4 * hidden,
        rotary_dim=rotary_dim,
        positions=2048,
        rows=ROWS,
        eos=ROWS - 1,
    )


@dataclass(frozen=True)
class RandomWeights:
    """Weights that repeat a few random rows, so that they take no memory before they are written."""

    architecture: Architecture

    def rows(self, name: str) -> Rows:
        """One tensor; layer norms do nothing, and the head's biases make the text vary."""
        shape = gptj_shapes(self.architecture)[name]
        random = np.random.default_rng([*name.encode()])
        if len(shape) == 1:
            one = name.endswith("weight")
            vector = np.full(shape, one, np.float16) if "ln_" in name else random.normal(0, 0.1, shape)
            return Rows((vector.astype(np.float16),), "float16")
        height, width = shape
        block = random.standard_normal((max(1, _BLOCK // width), width), np.float32) * width**-0.5
        half = block.astype(np.float16)
        whole, rest = divmod(height, len(half))
        return Rows((half,) * whole + ((half[:rest],) if rest else ()), "float16")


@dataclass(frozen=True)
class Bench:
    """One model in one type."""

    name: str
    cuda: Cuda | None
    bandwidth: float
    tokens: int

    def run(self, folder: Path, architecture: Architecture, stored: str) -> list[Measured]:
        """Make the model, load it and measure it."""
        path = folder / "model.bin"
        variables = decoder_variables(architecture, RandomWeights(architecture), SCHEMES[stored])
        with path.open("wb") as file:
            for piece in model_file(SPECIFICATION, REVISION, variables, {}):
                file.write(piece)
        names = vocabulary({}, architecture.rows)
        (folder / "vocabulary.json").write_text(json.dumps(names))
        (folder / "config.json").write_text(config_text(architecture, names))
        before = self.cuda.used if self.cuda else 0
        started = time.perf_counter()
        decoder = Decoder(folder, device="cuda" if self.cuda else "cpu", slots=SLOTS)
        try:
            loaded = time.perf_counter() - started
            rows = [self.row("load", loaded, "s", note=f"computes in {decoder.compute_type}")]
            if self.cuda:
                rows.append(self.row("GPU memory", (self.cuda.used - before) / 1e9, "GB"))
            return rows + self.measure(decoder, weight_bytes(path, decoder.compute_type))
        finally:
            decoder.close()

    def measure(self, decoder: Decoder, weights: int) -> list[Measured]:
        """All numbers of a loaded model."""
        stream(decoder, PROMPT, 8)  # whatever is only done once
        singles = tuple(self.rate(decoder, PROMPT) for _ in range(ROUNDS))
        first = tuple(stream(decoder, LONG_PROMPT, 1)[0] for _ in range(ROUNDS))
        read = weights * median(singles)
        return [
            self.row("one stream", median(singles), "tokens/s", samples=singles),
            self.row("weights for a token", weights / 1e9, "GB"),
            self.row("weights read", read / 1e9, "GB/s"),
            self.row("share of the bandwidth", 100 * read / self.bandwidth, "%"),
            self.row(f"first token of {LONG_PROMPT}", 1000 * median(first), "ms", samples=first),
            self.row(f"{BATCH} rows in one batch", self.batch(decoder), "tokens/s"),
            self.row(f"{SLOTS} streams at once", self.together(decoder), "tokens/s"),
        ]

    def rate(self, decoder: Decoder, prompt: int) -> float:
        """Tokens a second of one stream, after the first."""
        times = stream(decoder, prompt, self.tokens)
        return (len(times) - 1) / (times[-1] - times[0])

    def batch(self, decoder: Decoder) -> float:
        """Tokens a second of rows that are decoded together."""
        rows = [asked(PROMPT, self.tokens, start=index) for index in range(BATCH)]
        started = time.perf_counter()
        decoder.decode(rows, lambda _index, _step: False)
        return BATCH * self.tokens / (time.perf_counter() - started)

    def together(self, decoder: Decoder) -> float:
        """Tokens a second of independent requests."""
        threads = [
            threading.Thread(target=stream, args=(decoder, PROMPT + index, self.tokens))
            for index in range(SLOTS)
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return SLOTS * self.tokens / (time.perf_counter() - started)

    def row(
        self, what: str, value: float, unit: str, *, note: str = "", samples: Sequence[float] = ()
    ) -> Measured:
        """A line of the table."""
        return Measured(self.name, what, value, unit, note=note, samples=tuple(samples))


def asked(prompt: int, tokens: int, start: int = 0) -> Row:
    """A greedy request that does not end before its limit."""
    ids = [(start + 7 * index) % (ROWS - 1) for index in range(prompt)]
    return Row(ids, tokens, temperature=0.0, bad_words=[[ROWS - 1]], end_id=ROWS - 1)


def stream(decoder: Decoder, prompt: int, tokens: int) -> list[float]:
    """Seconds from the request to each token."""
    times: list[float] = []
    started = time.perf_counter()

    def heard(_index: int, _step: object) -> bool:
        times.append(time.perf_counter() - started)
        return False

    decoder.decode([asked(prompt, tokens)], heard)
    return times


def weight_bytes(path: Path, compute_type: str) -> int:
    """What is read for every token: all weights but the embeddings, of which it is one row, as they lie in memory."""
    variables = read_index(path).variables
    counted = (entry for name, entry in variables.items() if "/embeddings/" not in name)
    numbers = sum(prod(entry.shape) for entry in counted if len(entry.shape) == 2)
    return numbers * ITEM_SIZES[compute_type.split("_", maxsplit=1)[0]]


def host_bandwidth() -> float:
    """Bytes a second that are read and written while memory is copied, by one thread."""
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - started)
    return 2 * source.nbytes / best


if __name__ == "__main__":
    sys.exit(main())
