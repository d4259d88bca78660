"""The team's backend from one end to the other: checkpoint, converter, verify, Triton, proxy, language server.

Everything is real: Triton with our model in its Python backend, gRPC, HTTP. What comes out is held against the
reference decoder, which reads the checkpoint itself: greedy text has to be the same to the token.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from harness.backend_process import BackendProcess, refusal
from harness.environment import isolated
from harness.greedy import greedy, is_greedy
from harness.programs import backend, language_server
from harness.proxy import Front
from harness.tiny_codegen import write_codegen
from harness.triton import TritonProcess
from harness.triton_proxy import triton_proxy
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.reference import Weights
from pilotfish.backend.converter.reference_weights import checkpoint_weights
from pilotfish.backend.converter.source import open_checkpoint
from pilotfish.backend.converter.verify import fastertransformer_weights, verify
from pilotfish.backend.proxy.engines.detokenizer import spelt
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer
from pilotfish.lsp.ask_once import ask
from pilotfish.lsp.documents import Cursor

ROWS = (51200, 50295, 50296)
"""As published; as fine-tuning leaves it; as later versions of transformers count."""
UNARY, DECOUPLED = None, "decoupled"
END = 50256
FUNCTION = "def area(width, height):\n    return width * height\n\n\n"
PROMPTS = (
    "",
    "x",
    "import os",
    "def add(a, b):\n    return a",
    "class Fish:\n\tdef __init__(self):\n\t\tself.",
    "naïve = '🐟🐟' # 日本",
    "    " * 12 + "return",
    "for i in range(10):\r\n    print(i)\r\n",
    "0x" + "f" * 60,
    FUNCTION * 3 + "def ",
    FUNCTION * 9 + "area(",
    FUNCTION * 25,
    FUNCTION * 90 + "class Square:",
)
"""Of different lengths, the last with some 1,900 tokens."""
TOKENS = 16


@dataclass
class Reference:
    """What a model says, by the reference decoder over the checkpoint itself."""

    weights: Weights
    tokenizer: Tokenizer

    def ids(self, text: str) -> list[int]:
        """A prompt's ids; an empty one begins with the end of another text."""
        return self.tokenizer.encode(text) or [END]

    @cached_property
    def spelled(self) -> dict[str, int]:
        """The id of each token as the API spells it; no two are spelt alike."""
        spelled = {spelt(self.tokenizer.token_bytes(token)): token for token in range(self.tokenizer.size)}
        assert len(spelled) == self.tokenizer.size
        return spelled

    def says(self, prompt: str, ids: Sequence[int], count: int) -> bool:
        """Whether these are the model's greedy ids after a prompt: ``count`` of them, or up to the end of its text."""
        whole = list(ids) if len(ids) == count else [*ids, END]
        return is_greedy(self.weights, self.ids(prompt), whole)

    def text(self, ids: Sequence[int]) -> str:
        """Their text; bytes that are no character have none."""
        return b"".join(map(self.tokenizer.token_bytes, ids)).decode("utf-8", "ignore")


@pytest.fixture(scope="module", params=ROWS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen with as many rows."""
    return write_codegen(tmp_path_factory.mktemp("team") / "codegen-tiny", rows=request.param)


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Iterator[Reference]:
    """What it says."""
    with open_checkpoint(checkpoint) as opened:
        weights = checkpoint_weights(opened, read_architecture(opened.config, opened.tensors))
        yield Reference(weights, Tokenizer.load(checkpoint))


@pytest.fixture(scope="module")
def repository(checkpoint: Path) -> Path:
    """The same, converted for Triton's Python backend, and verified."""
    out = checkpoint.with_name("repository")
    convert(ConvertOptions(checkpoint, out, target="ctranslate2"))
    assert verify(out, checkpoint) == []
    return out


@pytest.fixture(scope="module", params=[UNARY, DECOUPLED], ids=["unary", "decoupled"])
def triton(repository: Path, request: pytest.FixtureRequest) -> Iterator[TritonProcess]:
    """A server of it."""
    with TritonProcess(repository, config_name=request.param) as server:
        yield server


def tokenizer_of(server: TritonProcess) -> Path:
    """The tokenizer beside the model that is served."""
    return server.repository / "fastertransformer" / "tokenizer"


async def test_the_api_gives_exactly_the_references_tokens(
    triton: TritonProcess, reference: Reference
) -> None:
    """All prompts at once, whole and streamed: each token is the likeliest by the checkpoint's own numbers."""
    async with triton_proxy(triton.url, tokenizer=tokenizer_of(triton)) as front:
        answers = await asyncio.gather(*(both_ways(front, prompt) for prompt in PROMPTS))
    for prompt, (whole, chunks) in zip(PROMPTS, answers, strict=True):
        (choice,) = whole["choices"]
        ids = [reference.spelled[token] for token in choice["logprobs"]["tokens"]]
        assert reference.says(prompt, ids, TOKENS)
        assert choice["text"] == reference.text(ids)
        assert whole["usage"]["prompt_tokens"] == len(reference.ids(prompt))
        assert whole["usage"]["completion_tokens"] == len(ids)
        assert "".join(chunk["text"] for chunk in chunks) == choice["text"]
        streamed = [token for chunk in chunks for token in (chunk["logprobs"] or {"tokens": ()})["tokens"]]
        assert streamed == choice["logprobs"]["tokens"]
    assert len({len(reference.ids(prompt)) for prompt in PROMPTS}) >= 10


async def both_ways(front: Front, prompt: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The whole answer, and the choices of the events of a stream."""
    fields = {"prompt": prompt, "max_tokens": TOKENS, "temperature": 0, "logprobs": 0}
    whole = await front.complete(**fields)
    return whole, [chunk["choices"][0] for chunk in await front.chunks(**fields)]


async def test_an_editors_question_gives_exactly_the_references_text(
    triton: TritonProcess, reference: Reference, tmp_path: Path
) -> None:
    """`pilotfish complete` at the end of files of different lengths: what the model said, before any filter."""
    lengths = set()
    async with triton_proxy(triton.url, tokenizer=tokenizer_of(triton)) as front:
        for index, text in enumerate(PROMPTS[1:]):
            place, cursor = file_with(tmp_path / f"file_{index}.py", text)
            answer = await ask(place, cursor, isolated(tmp_path / "home", PILOTFISH_BACKEND_URL=front.url))
            await assert_greedy(front, reference, answer.prompt, answer.raw)
            lengths.add(answer.prompt_tokens)
    assert len(lengths) >= 10


def file_with(path: Path, text: str) -> tuple[Path, Cursor]:
    """A file, and the place at its end."""
    path.write_text(text, "utf-8", newline="")
    lines = text.replace("\r\n", "\n").split("\n")
    return path, Cursor(len(lines) - 1, len(lines[-1]))


async def assert_greedy(front: Front, reference: Reference, prompt: str, text: str) -> None:
    """The text is how the model goes on after the prompt.

    Text alone does not say its ids, so the API is asked for those; the reference decoder then says that they are right.
    """
    count = len(reference.ids(text)) + 1
    (choice,) = (await front.complete(prompt=prompt, max_tokens=count, temperature=0, logprobs=0))["choices"]
    ids = [reference.spelled[token] for token in choice["logprobs"]["tokens"]]
    assert reference.says(prompt, ids, count)
    assert text
    assert reference.text(ids).startswith(text)


@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_fastertransformers_files_say_the_same(
    gpus: int, checkpoint: Path, reference: Reference, tmp_path: Path
) -> None:
    """What FasterTransformer would load on so many GPUs is verified, and decodes to the same tokens."""
    out = tmp_path / "repository"
    manifest = convert(ConvertOptions(checkpoint, out, gpus=gpus))
    assert manifest.rows % (8 * gpus) == 0
    assert verify(out, checkpoint) == []
    weights = fastertransformer_weights(out, manifest)
    for prompt in PROMPTS[:10:3]:
        ids = reference.ids(prompt)
        assert reference.says(prompt, greedy(weights, ids, TOKENS, END), TOKENS)


def run(*argv: str | Path, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one of our programs to its end."""
    return subprocess.run(
        [str(each) for each in argv],
        env=isolated(home, **environment),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("checkpoint", [50295], indirect=True)
def test_the_programs_themselves(checkpoint: Path, reference: Reference, tmp_path: Path) -> None:
    """As a person runs them: convert, verify, serve in front of Triton, complete."""
    out, home = tmp_path / "repository", tmp_path / "home"
    home.mkdir()
    done = run(*backend(), "convert", checkpoint, "--out", out, "--target", "ctranslate2", home=home)
    assert done.returncode == 0, done.stderr
    done = run(*backend(), "verify", out, "--against", checkpoint, home=home)
    assert done.returncode == 0, done.stderr
    assert "all holds" in done.stderr
    path, cursor = file_with(home / "area.py", PROMPTS[9])
    key = "a-key-of-enough-letters"
    environment = {"PILOTFISH_BACKEND_API_KEY": key}
    with TritonProcess(out, config_name=DECOUPLED) as server:
        options = ("--triton-url", server.url, "--model-repository", str(out))
        with BackendProcess(home, *options, key=key, engine="triton") as serving:
            environment["PILOTFISH_BACKEND_URL"] = serving.url
            place = f"{path.name}:{cursor.line + 1}:{cursor.column + 1}"
            done = run(*language_server(), "complete", place, "--json", home=home, **environment)
    assert done.returncode in {0, 3}, done.stderr  # 3: what a random model says, the filters may not show
    answer = json.loads(done.stdout)
    following = greedy(reference.weights, reference.ids(answer["prompt"]), 100, END)
    assert answer["raw"]
    assert reference.text(following).startswith(answer["raw"])


@pytest.mark.parametrize("checkpoint", [50295], indirect=True)
def test_a_repository_of_more_rows_than_it_holds_is_not_served(checkpoint: Path, tmp_path: Path) -> None:
    """The second article's failure: 50,295 rows configured as 51,200; the files are named before a server is asked."""
    out = tmp_path / "repository"
    convert(ConvertOptions(checkpoint, out))
    for path in (out / "pilotfish.json", out / "fastertransformer" / "config.pbtxt"):
        path.write_text(path.read_text().replace("50296", "51200"))
    home = tmp_path / "home"
    home.mkdir()
    done = refusal(home, "--triton-url", "127.0.0.1:9", "--model-repository", str(out))
    assert done.returncode == 2
    for name in ("model.wte.bin", "model.lm_head.weight.bin", "model.lm_head.bias.bin"):
        assert name in done.stderr
    assert run(*backend(), "verify", out, home=home).returncode == 1
