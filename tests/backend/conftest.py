"""Models for the tests that run a real one."""

import os
from pathlib import Path

import pytest

from harness.old_openai import interpreter
from pilotfish.backend.models.catalogue import CATALOGUE, DEFAULT_MODEL
from pilotfish.backend.models.local import LocalModel
from pilotfish.backend.models.pull import pull_model
from pilotfish.backend.proxy.engines.llama_server import OPENMP_SETTINGS

# The matrices of tiny models are not worth a second thread, and idle ones spin. Before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
for _name, _value in OPENMP_SETTINGS.items():
    os.environ.setdefault(_name, _value)  # as `pilotfish-backend serve` does; before llama.cpp is loaded


@pytest.fixture(scope="session")
def default_model() -> LocalModel:
    """The default model, pulled once into the user's cache (or PILOTFISH_CACHE_DIR)."""
    cache = os.environ.get("PILOTFISH_CACHE_DIR")
    return pull_model(CATALOGUE[DEFAULT_MODEL], cache_dir=Path(cache) if cache else None).model


@pytest.fixture(scope="session")
def fim_model(default_model: LocalModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF that fills in; see ``fim_model.py``."""
    from backend.fim_model import write_fim_model

    path = tmp_path_factory.mktemp("fim") / "fim.gguf"
    write_fim_model(default_model.path, path)
    return path


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CodeGen's tokenizer.json."""
    from harness.codegen_tokenizer import codegen_tokenizer_json

    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(codegen_tokenizer_json(), "utf-8")
    return path


@pytest.fixture(scope="session")
def old_python() -> Path:
    """An interpreter with openai 0.28."""
    return interpreter()
