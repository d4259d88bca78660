"""CTranslate2's model.bin: ours against the writer that comes with CTranslate2."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from ctranslate2.converters import utils
from ctranslate2.specs import common_spec, transformer_spec

from harness.tiny_codegen import TinyShape, tiny_tensors
from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.ct2_aliases import find_aliases
from pilotfish.backend.converter.ct2_format import FormatError, Variable, model_file, read_index
from pilotfish.backend.converter.ct2_model import REVISION, SPECIFICATION, decoder_variables
from pilotfish.backend.converter.ct2_numbers import SCHEMES
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.tensors import Rows

SHAPE = TinyShape(rows=101, layers=11, heads=4, head_dim=16, rotary_dim=8)
"""Eleven layers, because layer 10 comes before layer 2 in the file."""


@dataclass(frozen=True)
class InMemory:
    """A checkpoint's tensors by GPT-J's names."""

    tensors: Mapping[str, np.ndarray[Any, Any]]

    def rows(self, name: str) -> Rows:
        """One of them."""
        tensor = self.tensors[name]
        return Rows((tensor,), tensor.dtype.name)


def weights(dtype: str = "float32", **changed: np.ndarray[Any, Any]) -> InMemory:
    """Random weights; those that are ``changed`` by names with __ for the dots."""
    tensors = {
        name.removeprefix("transformer."): tensor.astype(dtype)
        for name, tensor in tiny_tensors(SHAPE, family="gptj").items()
    }
    for name, tensor in changed.items():
        tensors[name.replace("__", ".")] = tensor
    return InMemory(tensors)


def architecture(shape: TinyShape = SHAPE) -> Architecture:
    """What a checkpoint of this shape says of itself."""
    return Architecture(
        family="gptj",
        layers=shape.layers,
        heads=shape.heads,
        head_dim=shape.head_dim,
        hidden=shape.hidden,
        inter=4 * shape.hidden,
        rotary_dim=shape.rotary_dim,
        rows=shape.rows,
    )


def ours(source: InMemory, quantization: str | None) -> bytes:
    """The file as we write it."""
    aliases = find_aliases(architecture(), source)
    variables = decoder_variables(architecture(), source, SCHEMES[quantization], skip=aliases)
    return b"".join(model_file(SPECIFICATION, REVISION, variables, aliases))


def theirs(source: InMemory, quantization: str | None, folder: Path) -> bytes:
    """The file as CTranslate2's own specification and writer make it of the same weights."""
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        SHAPE.layers,
        SHAPE.heads,
        pre_norm=True,
        activation=common_spec.Activation.GELUTanh,
        rotary_dim=SHAPE.rotary_dim,
        rotary_interleave=False,
        parallel_residual=True,
        shared_layer_norm=True,
    )
    get = {name: np.array(tensor) for name, tensor in source.tensors.items()}
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = get["wte.weight"]
    norm(decoder.layer_norm, get, "ln_f")
    linear(decoder.projection, get, "lm_head")
    for number, layer in enumerate(decoder.layer):
        of = f"h.{number}."
        norm(layer.shared_layer_norm, get, f"{of}ln_1")
        query, key = (
            utils.permute_for_sliced_rotary(
                get[f"{of}attn.{each}_proj.weight"], SHAPE.heads, SHAPE.rotary_dim
            )
            for each in "qk"
        )
        value = get[f"{of}attn.v_proj.weight"]
        layer.self_attention.linear[0].weight = np.concatenate((query, key, value))
        layer.self_attention.linear[1].weight = get[f"{of}attn.out_proj.weight"]
        linear(layer.ffn.linear_0, get, f"{of}mlp.fc_in")
        linear(layer.ffn.linear_1, get, f"{of}mlp.fc_out")
    spec.register_vocabulary([str(number) for number in range(SHAPE.rows)])
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir()
    spec.save(str(folder))
    return (folder / "model.bin").read_bytes()


def norm(spec: Any, get: Mapping[str, Any], name: str) -> None:
    """Set a layer norm."""
    spec.gamma, spec.beta = get[f"{name}.weight"], get[f"{name}.bias"]


def linear(spec: Any, get: Mapping[str, Any], name: str) -> None:
    """Set a linear layer with a bias."""
    spec.weight, spec.bias = get[f"{name}.weight"], get[f"{name}.bias"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("quantization", [None, "float32", "float16", "int8", "int8_float32", "int8_float16"])
def test_every_byte_is_as_their_writer_writes_it(
    tmp_path: Path, dtype: str, quantization: str | None
) -> None:
    """Names, order, settings, types, the rotary dimensions' order and the quantised numbers are the same."""
    source = weights(dtype)
    assert ours(source, quantization) == theirs(source, quantization, tmp_path / "theirs")


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_what_occurs_twice_is_stored_once(tmp_path: Path, quantization: str | None) -> None:
    """Tied embeddings and untrained biases become aliases, the same ones as theirs."""
    tied = weights().tensors["wte.weight"]
    zeros = np.zeros(SHAPE.hidden, np.float32)
    almost = weights().tensors["h.4.mlp.fc_in.weight"].copy()
    almost[-1] = 1
    source = weights(
        lm_head__weight=tied,
        h__3__ln_1__bias=zeros,
        h__10__mlp__fc_out__bias=zeros,
        h__5__mlp__fc_in__weight=almost,
    )
    assert find_aliases(architecture(), source) == {
        "decoder/projection/weight": "decoder/embeddings/weight",
        "decoder/layer_3/shared_layer_norm/beta": "decoder/layer_10/ffn/linear_1/bias",
    }
    assert ours(source, quantization) == theirs(source, quantization, tmp_path / "theirs")


@pytest.mark.parametrize("quantization", ["bfloat16", "int8_bfloat16", "int8", None])
def test_ctranslate2_loads_it(tmp_path: Path, quantization: str | None) -> None:
    """The library reads the file, and its logits are those of the same weights in float32."""

    def logits(scheme: str | None) -> np.ndarray[Any, Any]:
        (tmp_path / "model.bin").write_bytes(ours(weights(), scheme))
        (tmp_path / "vocabulary.json").write_text(str([f"t{n}" for n in range(SHAPE.rows)]).replace("'", '"'))
        (tmp_path / "config.json").write_text('{"unk_token": "t0", "bos_token": "t0", "eos_token": "t0"}')
        generator = ctranslate2.Generator(str(tmp_path), compute_type="float32", intra_threads=1)
        return np.array(generator.forward_batch([[5, 6, 7, 8, 99]]))

    exact = logits("float32")
    assert np.abs(logits(quantization) - exact).mean() < 0.15 * exact.std()


def test_the_index_names_every_variable(tmp_path: Path) -> None:
    """Reading gives back the types, shapes and places, and the aliases."""
    file = tmp_path / "model.bin"
    zeros = np.zeros(SHAPE.hidden, np.float32)
    source = weights(ln_f__bias=zeros, h__0__ln_1__bias=zeros)
    file.write_bytes(ours(source, "int8_float16"))
    index = read_index(file)
    assert (index.specification, index.revision) == ("TransformerDecoderSpec", 8)
    assert index.aliases == {"decoder/layer_norm/beta": "decoder/layer_0/shared_layer_norm/beta"}
    qkv = index.variables["decoder/layer_10/self_attention/linear_0/weight"]
    assert (qkv.dtype, qkv.shape, qkv.size) == ("int8", (192, 64), 192 * 64)
    assert index.variables["decoder/projection/weight_scale"].shape == (101,)
    bias = index.variables["decoder/projection/bias"]
    assert file.read_bytes()[bias.offset :][: bias.size] == (
        source.tensors["lm_head.bias"].astype(np.float16).tobytes()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "ends after"),
        (lambda data: data[: len(data) // 2], "ends within"),
        (lambda data: data + b"\0", "1 bytes too many"),
        (lambda data: b"\x07" + data[1:], "version 7"),
        (lambda data: data[:0], "ends after the header"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: Any, message: str) -> None:
    """A file cut short, too long, or of another version is told apart from a whole one."""
    file = tmp_path / "model.bin"
    file.write_bytes(change(ours(weights(), "int8")))
    with pytest.raises(FormatError, match=message):
        read_index(file)


def test_a_variable_too_large_is_refused_before_anything_is_written() -> None:
    """The format counts bytes in 32 bits; what has more is refused with its name."""
    large = Variable("decoder/embeddings/weight", "float32", (2**20, 2**11), lambda: ())
    with pytest.raises(FormatError, match=r"decoder/embeddings/weight has 8589934592 bytes"):
        next(iter(model_file("", 1, [large], {})))


@pytest.mark.parametrize("given", [b"", b"12345"])
def test_a_variable_of_another_size_than_its_shape_is_an_error(given: bytes) -> None:
    """A file whose parts do not add up is never finished."""
    with pytest.raises(FormatError, match="x: "):
        _consume(model_file("", 1, [Variable("x", "float32", (1,), lambda: (given,))], {}))


def test_numbers_that_do_not_fit_name_their_tensor() -> None:
    """A checkpoint with an infinite weight, or one too large for float16, says which tensor has it."""
    broken = weights().tensors["h.2.mlp.fc_in.weight"].copy()
    broken[3, 4] = 1e6
    source = weights(h__2__mlp__fc_in__weight=broken)
    with pytest.raises(ConvertError, match=r"h\.2\.mlp\.fc_in\.weight .*float16"):
        _consume(model_file("", 1, decoder_variables(architecture(), source, SCHEMES["float16"]), {}))
    broken[3, 4] = np.nan
    with pytest.raises(ConvertError, match=r"h\.2\.mlp\.fc_in\.weight .*broken"):
        _consume(model_file("", 1, decoder_variables(architecture(), source, SCHEMES["int8"]), {}))


def _consume(pieces: Iterable[memoryview | bytes]) -> None:
    for _ in pieces:
        pass
