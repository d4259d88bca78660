"""The configuration of the model in Triton's Python backend."""

from dataclasses import replace
from pathlib import Path

import pytest

from pilotfish.backend.converter.pbtxt import messages, parameters, read_pbtxt, scalar
from pilotfish.backend.converter.python_backend_config import PythonBackendConfig, model_config

GOLDEN = Path(__file__).parent / "golden"
MODEL = PythonBackendConfig(positions=2048, rows=50295, start_id=7)


@pytest.mark.parametrize(("file", "decoupled"), [("python_unary", False), ("python_decoupled", True)])
def test_the_text_is_the_golden_one(file: str, decoupled: bool) -> None:
    """Nothing of the configuration changes unnoticed: Triton and its clients read it."""
    text = model_config(replace(MODEL, slots=2), decoupled=decoupled)
    assert text == (GOLDEN / f"{file}.pbtxt").read_text("utf-8")


def test_what_clients_read_is_there() -> None:
    """The proxy finds the limits, the end of a text and the engine among the parameters."""
    read = parameters(read_pbtxt(model_config(MODEL, decoupled=False)))
    assert read["max_seq_len"] == "2048"
    assert read["vocab_size"] == "50295"
    assert (read["start_id"], read["end_id"]) == ("7", "50256")
    assert read["engine"] == "ctranslate2"
    assert {"slots", "device", "prefix_cache", "compute_type"} <= read.keys()


def test_the_seed_has_as_many_bits_as_fastertransformers() -> None:
    """INT32 where that one answers at once, as FauxPilot's proxy sends it; UINT64 where it streams."""

    def seed(*, decoupled: bool) -> str:
        inputs = messages(read_pbtxt(model_config(MODEL, decoupled=decoupled)), "input")
        return next(scalar(each, "data_type") for each in inputs if scalar(each, "name") == "random_seed")

    assert seed(decoupled=False) == "TYPE_INT32"
    assert seed(decoupled=True) == "TYPE_UINT64"
