"""Tests that need torch and transformers: `make test-train` runs them, in an environment that has both."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.finetuning import write_data
from harness.tiny_codegen import write_codegen

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen of 51200 rows, which tests only read."""
    return write_codegen(tmp_path_factory.mktemp("base") / "tiny", layers=1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, which tests only read."""
    return write_data(tmp_path_factory.mktemp("data") / "set")
