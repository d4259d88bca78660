"""One tiny model for all tests of the decoder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.tiny_ct2 import Reference, write_tiny_model
from pilotfish.backend.decoder.decoder import Decoder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTranslate2 folder."""
    return write_tiny_model(tmp_path_factory.mktemp("decoder") / "tiny")


@pytest.fixture(scope="session")
def reference(tiny_model: Path) -> Iterator[Reference]:
    """What is right for it."""
    made = Reference(tiny_model)
    yield made
    made.close()


@pytest.fixture(scope="module")
def decoder(tiny_model: Path) -> Iterator[Decoder]:
    """Without a cache."""
    made = Decoder(tiny_model, device="cpu", slots=2)
    yield made
    made.close()
