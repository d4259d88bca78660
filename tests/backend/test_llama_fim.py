"""A model with FIM tokens: the contract, and the same layout as llama.cpp's own `/infill`."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from backend.engine_contract import GREEDY, EngineContract, collect
from backend.fim_model import MIDDLE, PREFIX, SUFFIX
from pilotfish.backend.models.fim_tokens import KNOWN_TOKENS, FimTokens, special_tokens
from pilotfish.backend.models.gguf_metadata import read_metadata
from pilotfish.backend.proxy.engines.base import Generation
from pilotfish.backend.proxy.engines.llama import LlamaEngine, LlamaSettings
from pilotfish.backend.proxy.engines.llama_prompt import lay_out
from pilotfish.backend.proxy.engines.llama_server import Loaded, load

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(fim_model: Path) -> AsyncIterator[LlamaEngine]:
    engine = LlamaEngine(LlamaSettings(fim_model, "fim"))
    await engine.start()
    yield engine
    await engine.stop()


class TestFimEngine(EngineContract):
    """The contract."""

    @pytest.fixture
    def new_engine(self, fim_model: Path) -> Callable[[], LlamaEngine]:
        return lambda: LlamaEngine(LlamaSettings(fim_model, "fim"))


async def infill(loaded: Loaded, prefix: str, suffix: str) -> list[int]:
    """The prompt that llama.cpp itself makes of a gap, as token ids."""
    async with httpx.AsyncClient(
        base_url=loaded.address, headers={"Authorization": f"Bearer {loaded.key}"}, trust_env=False
    ) as client:
        body = {"input_prefix": prefix, "input_suffix": suffix, "n_predict": 1, "temperature": 0}
        said = (await client.post("/infill", json=body)).json()
        tokens = await client.post("/tokenize", json={"content": said["prompt"], "parse_special": True})
    return list(tokens.json()["tokens"])


async def test_layout_is_that_of_infill(engine: LlamaEngine, fim_model: Path) -> None:
    """Prefix, suffix and middle stand where llama.cpp puts them too; only the file name that it invents is missing."""
    prefix, suffix = "def add(a, b):\n    return", "\n\nprint(add(1, 2))\n"
    gap = Generation(await engine.tokenize(prefix), 1, GREEDY, suffix=await engine.tokenize(suffix))
    special = special_tokens(read_metadata(fim_model, wanted=KNOWN_TOKENS))
    assert special.fim == FimTokens(PREFIX, SUFFIX, MIDDLE)
    ours = lay_out(gap, special)
    theirs = await infill(await load(LlamaSettings(fim_model, "fim", slots=1)), prefix, suffix)
    assert theirs[-len(ours) :] == ours
    assert (await collect(engine, gap)).finish.prompt_tokens == len(ours)


async def test_the_current_line_is_continued(engine: LlamaEngine) -> None:
    """What stands after the middle token is part of the prompt's end: another key costs its own tokens only."""
    prompt, suffix = await engine.tokenize("import os\n" * 40), await engine.tokenize("\nprint(path)\n" * 20)
    first = Generation(prompt, 4, GREEDY, suffix=suffix, middle=await engine.tokenize("path = os."))
    await collect(engine, first)
    typed = Generation(prompt, 4, GREEDY, suffix=suffix, middle=await engine.tokenize("path = os.path"))
    out = await collect(engine, typed)
    assert out.finish.prompt_tokens - out.finish.cached_tokens <= 2
