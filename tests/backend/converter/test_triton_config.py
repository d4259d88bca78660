"""What FasterTransformer is told, of either generation."""

from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from pilotfish.backend.converter.pbtxt import messages, parameters, read_pbtxt, scalar
from pilotfish.backend.converter.triton_config import FasterTransformerConfig, ini_text, model_config

GOLDEN = Path(__file__).parent / "golden"
MODEL = FasterTransformerConfig(
    name="codegen-350M-multi",
    layers=20,
    heads=16,
    head_dim=64,
    inter=4096,
    rotary_dim=32,
    rows=50304,
    gpus=2,
)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.pbtxt", model_config(MODEL, modern=False)),
        ("unary.pbtxt", model_config(MODEL, modern=True)),
        ("decoupled.pbtxt", model_config(MODEL, modern=True, decoupled=True)),
        ("config.ini", ini_text(MODEL)),
    ],
)
def test_the_text_is_the_golden_one(file: str, text: str) -> None:
    """Nothing of it changes unnoticed: no server of that age is at hand to try it on."""
    assert text == (GOLDEN / file).read_text("utf-8")


def test_backend_1_1_finds_every_parameter() -> None:
    """Those of FauxPilot's own configurations, for it takes a missing number for 0."""
    assert (
        parameters(read_pbtxt(model_config(MODEL, modern=False))).items()
        >= {
            "tensor_para_size": "2",
            "pipeline_para_size": "1",
            "max_seq_len": "2048",
            "is_half": "1",
            "head_num": "16",
            "size_per_head": "64",
            "inter_size": "4096",
            "vocab_size": "50304",
            "start_id": "50256",
            "end_id": "50256",
            "decoder_layers": "20",
            "model_name": "codegen-350M-multi",
            "rotary_embedding": "32",
            "model_type": "GPT-J",
            "model_checkpoint_path": "/model/fastertransformer/1/2-gpu",
            "enable_custom_all_reduce": "0",
        }.items()
    )


def test_backend_1_2_finds_every_key() -> None:
    """In the section [gptj], without which its process ends."""
    parser = ConfigParser()
    parser.read_string(ini_text(MODEL))
    assert dict(parser["gptj"]) == {
        "model_name": "codegen-350M-multi",
        "head_num": "16",
        "size_per_head": "64",
        "inter_size": "4096",
        "num_layer": "20",
        "rotary_embedding": "32",
        "vocab_size": "50304",
        "start_id": "50256",
        "end_id": "50256",
        "weight_data_type": "fp32",
    }


@pytest.mark.parametrize(("modern", "seed"), [(False, "TYPE_INT32"), (True, "TYPE_UINT64")])
def test_the_seeds_type_tells_the_generations_apart(modern: bool, seed: str) -> None:
    """A client asks for it; one of 32 bits that is read as 64 would be anything."""
    inputs = messages(read_pbtxt(model_config(MODEL, modern=modern)), "input")
    assert len(inputs) == 16
    assert [scalar(each, "data_type") for each in inputs if scalar(each, "name") == "random_seed"] == [seed]


def test_odd_names_do_no_harm() -> None:
    """Whatever a folder is called, neither file ends early or gets another line."""
    odd = replace(MODEL, name='my "model"\n[gptj]', mount='/srv/"a"\\b/')
    parser = ConfigParser()
    parser.read_string(ini_text(odd))
    assert parser["gptj"]["model_name"] == "my-model-gptj-"
    found = parameters(read_pbtxt(model_config(odd, modern=False)))
    assert found["model_checkpoint_path"] == '/srv/"a"\\b/fastertransformer/1/2-gpu'
