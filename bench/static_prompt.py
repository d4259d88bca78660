"""What keeping the beginnings of prompts is worth, and what steering costs, with CTranslate2 in process.

    PYTHONPATH=tests:bench python -P bench/static_prompt.py [--model DIR] [--json PATH] [--keys N] [--tokens N]

Somebody types: every prompt is the one before and one more token. Times to the first token with and without the
cache are taken in turn, key by key, so that both see the same machine; what counts is their ratio. Then other
prompts come until the cache was emptied several times over, and the memory is looked at. At last rows with a seed are
drawn natively and steered. Without ``--model`` the weights are random, of CodeGen-350M's shape, in 8 bits.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from harness.tiny_ct2 import write_tiny_model
from pilotfish.backend.decoder.decoder import Decoder, Row, Step

RESULTS = Path(__file__).parent / "results" / "static_prompt.json"
CACHE = 1024
"""MiB."""
SMALL_CACHE = 256
"""MiB, for the part that fills it."""
TEMPERATURES = (0.2, 0.6, 1.0)
DRAWN_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Typing:
    """Seconds to the first token."""

    prompt_tokens: int
    cold: Sequence[float]
    kept: Sequence[float]
    cached_tokens: Sequence[int]

    @property
    def ratio(self) -> float:
        """How many times sooner the first token comes, from the third key on; the second one fills the cache."""
        return statistics.median(self.cold[2:]) / statistics.median(self.kept[2:])


@dataclass(frozen=True, slots=True)
class Filling:
    """What becomes of the memory."""

    budget_mib: int
    prompts: int
    kept_mib: float
    """All that was kept, one time or another."""
    before_mib: float
    peak_mib: float
    slowest_first_token: float
    """Seconds; emptying included."""
    median_first_token: float


@dataclass(frozen=True, slots=True)
class Steering:
    """Seconds for the same number of tokens."""

    temperature: float
    native: float
    steered: float
    steered_with_cache: float


def main() -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(description="Measure kept beginnings of prompts, and steering.")
    parser.add_argument("--model", type=Path, help="a CTranslate2 folder")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--keys", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=1000, help="of the first prompt (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        model = arguments.model or write_tiny_model(
            Path(directory) / "model",
            rows=51200,
            layers=20,
            heads=16,
            head_dim=64,
            quantization="int8",
            attention=0.5,
        )
        typing = measure_typing(model, arguments.keys, arguments.tokens)
        filling = measure_filling(model, arguments.tokens)
        steering = [measure_steering(model, arguments.tokens, each) for each in TEMPERATURES]
    result = {
        "machine": {
            "platform": platform.platform(),
            "processors": os.cpu_count(),
            "load": os.getloadavg(),
        },
        "typing": asdict(typing) | {"ratio": typing.ratio},
        "filling": asdict(filling),
        "steering": [asdict(each) for each in steering],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    report(typing, filling, steering)
    return 0 if typing.ratio > 1 and filling.peak_mib < filling.before_mib + 2 * filling.budget_mib else 1


def measure_typing(model: Path, keys: int, tokens: int) -> Typing:
    """One key after the other, on two decoders in turn."""
    plain, caching = Decoder(model, device="cpu"), Decoder(model, device="cpu", prefix_cache=CACHE)
    text = prompt(plain, tokens + keys, seed=1)
    first_token(plain, text[:100])  # what is only done once
    cold, kept, cached = [], [], []
    for end in range(tokens, tokens + keys):
        cold.append(first_token(plain, text[:end])[0])
        seconds, found = first_token(caching, text[:end])
        kept.append(seconds)
        cached.append(found)
    plain.close()
    caching.close()
    return Typing(tokens, cold, kept, cached)


def measure_filling(model: Path, tokens: int) -> Filling:
    """Each prompt comes twice, which keeps it; so many that the cache is emptied three times."""
    decoder = Decoder(model, device="cpu", prefix_cache=SMALL_CACHE)
    state = decoder.state_bytes / 2**20
    prompts = int(3 * SMALL_CACHE / (state * tokens)) + 2
    before = peak = resident()
    times = []
    for seed in range(prompts):
        text = prompt(decoder, tokens, seed)
        for _ in range(2):
            times.append(first_token(decoder, text)[0])
            peak = max(peak, resident())
    decoder.close()
    return Filling(
        budget_mib=SMALL_CACHE,
        prompts=prompts,
        kept_mib=prompts * tokens * state,
        before_mib=before,
        peak_mib=peak,
        slowest_first_token=max(times),
        median_first_token=statistics.median(times),
    )


def measure_steering(model: Path, tokens: int, temperature: float) -> Steering:
    """The same prompt drawn natively, steered, and steered with a cache."""
    plain, caching = Decoder(model, device="cpu"), Decoder(model, device="cpu", prefix_cache=CACHE)
    text = prompt(plain, tokens, seed=1)
    free = Row(text, max_tokens=DRAWN_TOKENS, temperature=temperature, top_p=0.95, end_id=2**31 - 1)
    seeded = Row(text, max_tokens=DRAWN_TOKENS, temperature=temperature, top_p=0.95, end_id=2**31 - 1, seed=1)
    first_token(caching, text)
    found = []
    for decoder, row in ((plain, free), (plain, seeded), (caching, seeded)):
        start = time.perf_counter()
        decoder.decode([row], lambda _index, _step: False)
        found.append(time.perf_counter() - start)
    plain.close()
    caching.close()
    return Steering(temperature, *found)


def first_token(decoder: Decoder, text: Sequence[int]) -> tuple[float, int]:
    """Seconds to the first token, and how many tokens of the prompt were kept."""
    start = time.perf_counter()
    came: list[float] = []

    def emit(_index: int, _step: Step) -> bool:
        came.append(time.perf_counter() - start)
        return True

    (outcome,) = decoder.decode([Row(text, temperature=0, max_tokens=8, end_id=2**31 - 1)], emit)
    return came[0], outcome.cached_tokens


def prompt(decoder: Decoder, tokens: int, seed: int) -> list[int]:
    """Any tokens."""
    limit = min(decoder.vocab_size, 50000)
    return [int(token) for token in np.random.default_rng(seed).integers(0, limit, tokens)]


def resident() -> float:
    """MiB of this process."""
    return float(psutil.Process().memory_info().rss / 2**20)


def report(typing: Typing, filling: Filling, steering: Sequence[Steering]) -> None:
    """Print what was found."""
    out = sys.stdout.write
    out(f"first token behind {typing.prompt_tokens} tokens, typing on: ")
    out(
        f"{statistics.median(typing.cold[2:]):.3f} s without, {statistics.median(typing.kept[2:]):.3f} s with the "
    )
    out(f"cache: {typing.ratio:.1f} times sooner (the key that fills it: {typing.kept[1]:.3f} s)\n")
    out(f"{filling.kept_mib:.0f} MiB kept one after another with a budget of {filling.budget_mib} MiB: ")
    out(f"resident {filling.before_mib:.0f} MiB before, {filling.peak_mib:.0f} MiB at most; ")
    out(f"first token {filling.median_first_token:.3f} s, {filling.slowest_first_token:.3f} s at most\n")
    for each in steering:
        out(
            f"{DRAWN_TOKENS} tokens at temperature {each.temperature}: {each.native:.2f} s drawn by CTranslate2, "
        )
        out(f"{each.steered:.2f} s steered by a seed, {each.steered_with_cache:.2f} s with the cache\n")


if __name__ == "__main__":
    sys.exit(main())
