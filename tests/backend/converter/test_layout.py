"""FasterTransformer's files: how many, of which shapes, and whose."""

from dataclasses import replace

import pytest

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.layout import check_gpus, layout_files, padded_rows

SIZES = {  # layers, heads, head_dim, rotary_dim
    "350M": (20, 16, 64, 32),
    "2B": (32, 32, 80, 64),
    "6B": (33, 16, 256, 64),
    "16B": (34, 24, 256, 64),
}
PARAMETERS = {"350M": 356_712_448, "2B": 2_779_356_160, "6B": 7_064_213_504, "16B": 16_032_155_648}


def codegen(name: str) -> Architecture:
    """One of Salesforce's models."""
    layers, heads, head_dim, rotary_dim = SIZES[name]
    hidden = heads * head_dim
    return Architecture(
        layers=layers,
        heads=heads,
        head_dim=head_dim,
        hidden=hidden,
        inter=4 * hidden,
        rotary_dim=rotary_dim,
        rows=51200,
    )


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_as_many_files_as_fastertransformer_reads(name: str, gpus: int) -> None:
    """5 and for each layer 3 + 5 · N, all with different names."""
    files = layout_files(codegen(name), gpus, 51200)
    assert len({spec.path for spec in files}) == len(files) == 5 + SIZES[name][0] * (3 + 5 * gpus)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_all_ranks_together_have_every_parameter_once(name: str, gpus: int) -> None:
    """What ranks share out they have between them; the rest each reads from the same file."""
    files = layout_files(codegen(name), gpus, 51200)
    assert sum(spec.bytes("fp32") for spec in files) == 4 * PARAMETERS[name]
    assert sum(spec.bytes("fp16") for spec in files) == 2 * PARAMETERS[name]


def test_shapes_of_two_ranks() -> None:
    """The table of FasterTransformer's layout, for the smallest model on two GPUs."""
    files = {spec.path: spec for spec in layout_files(codegen("350M"), 2, 50304)}
    layer = "model.layers.19"
    top_and_last = {
        path: spec.shape for path, spec in files.items() if ".layers." not in path or layer in path
    }
    assert top_and_last == {
        "model.wte.bin": (50304, 1024),
        "model.lm_head.weight.bin": (50304, 1024),
        "model.lm_head.bias.bin": (50304,),
        "model.final_layernorm.weight.bin": (1024,),
        "model.final_layernorm.bias.bin": (1024,),
        f"{layer}.input_layernorm.weight.bin": (1024,),
        f"{layer}.input_layernorm.bias.bin": (1024,),
        f"{layer}.attention.query_key_value.weight.0.bin": (1024, 3, 512),
        f"{layer}.attention.query_key_value.weight.1.bin": (1024, 3, 512),
        f"{layer}.attention.dense.weight.0.bin": (512, 1024),
        f"{layer}.attention.dense.weight.1.bin": (512, 1024),
        f"{layer}.mlp.dense_h_to_4h.weight.0.bin": (1024, 2048),
        f"{layer}.mlp.dense_h_to_4h.weight.1.bin": (1024, 2048),
        f"{layer}.mlp.dense_h_to_4h.bias.0.bin": (2048,),
        f"{layer}.mlp.dense_h_to_4h.bias.1.bin": (2048,),
        f"{layer}.mlp.dense_4h_to_h.weight.0.bin": (2048, 1024),
        f"{layer}.mlp.dense_4h_to_h.weight.1.bin": (2048, 1024),
        f"{layer}.mlp.dense_4h_to_h.bias.bin": (1024,),
    }
    split = files[f"{layer}.attention.query_key_value.weight.1.bin"]
    assert (split.split_axis, split.rank) == (2, 1)
    assert split.source == tuple(f"h.19.attn.{each}_proj.weight" for each in "qkv")


@pytest.mark.parametrize(
    ("rows", "gpus", "padded"),
    [
        (51200, 1, 51200),
        (51200, 4, 51200),
        (51200, 3, 51216),
        (50295, 1, 50296),
        (50295, 2, 50304),
        (50295, 4, 50304),
        (50296, 1, 50296),
        (50296, 2, 50304),
        (50257, 1, 50264),
        (1, 8, 64),
    ],
)
def test_rows_are_padded_so_that_no_kernel_has_to(rows: int, gpus: int, padded: int) -> None:
    """To the next multiple of eight for each GPU."""
    assert padded_rows(rows, gpus) == padded


def test_gpus_that_can_not_share_the_model_are_refused() -> None:
    """With those that can."""
    (problem, *_) = check_gpus(codegen("16B"), 5)
    assert "24 heads do not divide by 5; possible are 1, 2, 3, 4, 6, 8, 12, 24" in problem.what
    assert check_gpus(codegen("16B"), 3) == []
    assert check_gpus(codegen("16B"), 0)
    odd = replace(codegen("350M"), inter=4098)
    assert "4098 numbers inside the MLP" in str(check_gpus(odd, 4))
