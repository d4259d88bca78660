"""The contract of all engines over llama.cpp with the real default model."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from backend.engine_contract import EngineContract
from pilotfish.backend.models.local import LocalModel
from pilotfish.backend.proxy.engines.llama import LlamaEngine, LlamaSettings

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(default_model: LocalModel) -> AsyncIterator[LlamaEngine]:
    engine = LlamaEngine(LlamaSettings(default_model.path, default_model.name))
    await engine.start()
    yield engine
    await engine.stop()


class TestLlamaEngine(EngineContract):
    """The contract."""

    @pytest.fixture
    def new_engine(self, default_model: LocalModel) -> Callable[[], LlamaEngine]:
        return lambda: LlamaEngine(LlamaSettings(default_model.path, default_model.name))
