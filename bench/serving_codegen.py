"""128 tokens of a CodeGen-350M: transformers' generate against the same model served and streamed to a client.

    PYTHONPATH=tests:bench python -P bench/serving_codegen.py [--quick] [--json PATH] [--work DIR] [--python PROGRAM]

The weights are random and of the real sizes. Four ways take turns in one run, in which the other three wait:
transformers in float32, in a process of its own; CTranslate2 alone with int8 weights; the same in Triton behind the
proxy, streamed over HTTP; and in the proxy's own process. Times are seen where the text is wanted: in the Python
program, or at the HTTP client. Needs Triton (``make triton``) and the environment of ``make test-train``, whose Python
``--python`` names.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backend_process import BackendProcess
from harness.tiny_codegen import write_codegen
from harness.triton import TritonProcess, missing
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.decoder.decoder import Decoder, Row
from scenarios.report import Row as Measured
from scenarios.report import machine, table, write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "serving_codegen.json"
TRAINING_PYTHON = ROOT / ".venv-train" / "bin" / "python"
SIZES = {"layers": 20, "heads": 16, "head_dim": 64, "rotary_dim": 32}
SMALL = {"layers": 4, "heads": 4, "head_dim": 16, "rotary_dim": 8}
ROWS = 51200
PROMPT = (
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n" * 2
)
TOKENS = 128
END = 50256
TARGET = 2.1
"""How many times as fast as transformers FasterTransformer was, by the measurements that made people use it."""

THEIRS = """
import json, sys, time
import torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(int(sys.argv[2]))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
print("{}", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    started = time.perf_counter()
    with torch.no_grad():
        ids = model.generate(
            torch.tensor([asked["prompt"]]), do_sample=False, min_new_tokens=asked["tokens"],
            max_new_tokens=asked["tokens"], pad_token_id=asked["end"],
        )
    print(json.dumps({"seconds": time.perf_counter() - started, "tokens": ids[0].tolist()}), flush=True)
"""


@dataclass(frozen=True)
class Timing:
    """One completion of ``TOKENS`` tokens."""

    seconds: float
    first: float | None = None
    """Until the first token, where tokens come one by one."""


Way = Callable[[], Timing]


def main() -> int:
    """Run the benchmark; the exit status says whether the target was met."""
    parser = argparse.ArgumentParser(description="Compare serving a CodeGen-350M with transformers.")
    parser.add_argument(
        "--quick", action="store_true", help="a tiny model and one round; for trying things out"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--work", type=Path, help="where 3 GB are free (default: the system's temporary folder)"
    )
    parser.add_argument("--python", type=Path, default=TRAINING_PYTHON, help="with torch and transformers")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if (reason := missing()) is not None:
        parser.error(reason)
    if not arguments.python.exists():
        parser.error(f"there is no {arguments.python}: `make test-train` makes it")
    facts = machine()
    with tempfile.TemporaryDirectory(dir=arguments.work, prefix="serving-") as folder, ExitStack() as stack:
        ways = prepare(Path(folder), stack, SMALL if arguments.quick else SIZES, arguments.python)
        rows = compare(ways, rounds=1 if arguments.quick else arguments.rounds, judged=not arguments.quick)
    sys.stdout.write(table(rows) + "\n")
    write(arguments.json, rows, facts)
    return 1 if any(row.passed is False for row in rows) else 0


def prepare(folder: Path, stack: ExitStack, sizes: Mapping[str, int], python: Path) -> dict[str, Way]:
    """Write and convert the model, and start everything."""
    say("writing and converting the model")
    checkpoint = write_codegen(folder / "checkpoint", rows=ROWS, dtype="float16", **sizes)  # type: ignore[arg-type]
    repository = folder / "repository"
    convert(ConvertOptions(checkpoint, repository, target="ctranslate2", quantization="int8"))
    model = repository / "fastertransformer"
    prompt = ids_of(model / "tokenizer")
    say("starting Triton, two proxies and transformers")
    triton = stack.enter_context(TritonProcess(repository, config_name="decoupled"))
    (folder / "proxy").mkdir()
    (folder / "local").mkdir()
    behind = ("--triton-url", triton.url, "--tokenizer", str(model / "tokenizer"))
    proxy = stack.enter_context(BackendProcess(folder / "proxy", *behind, engine="triton"))
    inside = ("--model", str(repository))
    local = stack.enter_context(BackendProcess(folder / "local", *inside, engine="ctranslate2"))
    decoder = Decoder(model / "1" / "weights")
    stack.callback(decoder.close)
    theirs = stack.enter_context(transformers(python, checkpoint))
    return {
        "transformers, float32": lambda: theirs(prompt),
        "CTranslate2 alone, int8": lambda: alone(decoder, prompt),
        "Triton and proxy, streamed": lambda: streamed(proxy),
        "proxy's own process, streamed": lambda: streamed(local),
    }


def compare(ways: Mapping[str, Way], *, rounds: int, judged: bool) -> list[Measured]:
    """Every way once a round; the first warms up, and the best counts: what else the machine does only slows them."""
    found: dict[str, list[Timing]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            timing = way()
            say(f"round {number}: {name}: {timing.seconds:.2f} s")
            if number:
                found[name].append(timing)
    (theirs, base), *others = found.items()
    rows = [seconds_row(theirs, base)]
    for name, timings in others:
        rows.append(seconds_row(name, timings))
        firsts = [timing.first for timing in timings if timing.first is not None]
        rows.append(Measured(name, "first token", min(firsts), "s", samples=tuple(firsts)))
        ratio = min(each.seconds for each in base) / min(each.seconds for each in timings)
        target = TARGET if judged and name.startswith("Triton") else None
        rows.append(Measured(name, "times as fast as transformers", ratio, "", target, ">="))
    return rows


def seconds_row(name: str, timings: list[Timing]) -> Measured:
    """How long the completions took."""
    seconds = tuple(timing.seconds for timing in timings)
    return Measured(name, f"{TOKENS} tokens", min(seconds), "s", samples=seconds)


def ids_of(tokenizer: Path) -> list[int]:
    """The prompt's token ids."""
    from pilotfish.backend.proxy.engines.tokenizer import Tokenizer

    return Tokenizer.load(tokenizer).encode(PROMPT)


@contextmanager
def transformers(python: Path, checkpoint: Path) -> Iterator[Callable[[list[int]], Timing]]:
    """Transformers in its own process; it waits on a pipe while the others run."""
    from pilotfish.backend.decoder.generator import usable_cores

    argv = [str(python), "-c", THEIRS, str(checkpoint), str(usable_cores())]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def generate(prompt: list[int]) -> Timing:
            stdin.write(json.dumps({"prompt": prompt, "tokens": TOKENS, "end": END}) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            assert len(answer["tokens"]) == len(prompt) + TOKENS
            return Timing(answer["seconds"])

        assert stdout.readline() == "{}\n", "transformers did not start"
        try:
            yield generate
        finally:
            process.kill()


def alone(decoder: Decoder, prompt: list[int]) -> Timing:
    """The decoder without anything around it."""
    times: list[float] = []
    row = Row(prompt, TOKENS, temperature=0.0, end_id=ROWS - 1)

    def heard(_index: int, _step: object) -> bool:
        times.append(time.perf_counter())
        return False

    started = time.perf_counter()
    decoder.decode([row], heard)
    assert len(times) == TOKENS
    return Timing(times[-1] - started, times[0] - started)


def streamed(backend: BackendProcess) -> Timing:
    """A client's stream over HTTP."""
    body = {"prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0, "stream": True}
    body["stream_options"] = {"include_usage": True}
    first, used = None, None
    started = time.perf_counter()
    with (
        backend.client() as client,
        client.stream("POST", "/v1/completions", json=body, timeout=300) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                first = first or time.perf_counter()
                used = event.get("usage") or used
    seconds = time.perf_counter() - started
    assert used is not None
    assert used["completion_tokens"] == TOKENS, used
    assert first is not None
    return Timing(seconds, first - started)


def say(what: str) -> None:
    """Tell a waiting person."""
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
