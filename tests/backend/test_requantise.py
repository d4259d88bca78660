"""Bringing weights into another form."""

from pathlib import Path

import pytest

from pilotfish.backend.models.catalogue import CATALOGUE, DEFAULT_MODEL
from pilotfish.backend.models.gguf_metadata import read_metadata
from pilotfish.backend.models.local import LocalModel
from pilotfish.backend.models.progress import Silent
from pilotfish.backend.models.requantise import requantise
from pilotfish.backend.models.store import Store, sha256_of


def write(path: Path) -> None:
    """A small file with a matrix of each kind, and keys of every shape."""
    import gguf
    import numpy
    from gguf.quants import quantize

    random = numpy.random.default_rng(7)
    matrix = random.normal(size=(4, 64)).astype(numpy.float32)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.name", "Tiny")
    writer.add_uint32("general.file_type", 3)
    writer.add_uint32("llama.block_count", 1)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "ü"])
    writer.add_array("tokenizer.ggml.scores", [0.5, -1.0, 2.0])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)  # noqa: FBT003 (gguf's own signature)
    for name, kind in (("four", gguf.GGMLQuantizationType.Q4_1), ("eight", gguf.GGMLQuantizationType.Q8_0)):
        writer.add_tensor(f"{name}.weight", quantize(matrix, kind), raw_dtype=kind)
    writer.add_tensor("norm.weight", matrix[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_matrices_change_and_the_rest_stays(tmp_path: Path) -> None:
    """Quantised matrices have the new form and nearly the old values; vectors and all keys are what they were."""
    import gguf
    import numpy
    from gguf.quants import dequantize

    source, target = tmp_path / "source.gguf", tmp_path / "target.gguf"
    write(source)
    requantise(source, target, "Q8_0", Silent())
    before, after = gguf.GGUFReader(source), gguf.GGUFReader(target)
    old = {tensor.name: tensor for tensor in before.tensors}
    new = {tensor.name: tensor for tensor in after.tensors}
    assert old.keys() == new.keys()
    assert [new[name].tensor_type.name for name in ("four.weight", "eight.weight", "norm.weight")] == [
        "Q8_0",
        "Q8_0",
        "F32",
    ]
    for name in ("eight.weight", "norm.weight"):
        assert (old[name].data == new[name].data).all()
    was, is_ = (dequantize(each.data, each.tensor_type) for each in (old["four.weight"], new["four.weight"]))
    assert numpy.abs(was - is_).max() < 0.02
    assert new["four.weight"].shape.tolist() == old["four.weight"].shape.tolist()
    for key, field in before.fields.items():
        if not key.startswith("GGUF.") and key != "general.file_type":
            assert after.fields[key].contents() == field.contents(), key
            assert after.fields[key].types == field.types, key
    assert after.fields["general.file_type"].contents() == 7


def test_the_same_in_gives_the_same_out(tmp_path: Path) -> None:
    """Byte for byte, so that a hash can be compared between machines."""
    source = tmp_path / "source.gguf"
    write(source)
    targets = [tmp_path / f"{number}.gguf" for number in range(2)]
    for target in targets:
        requantise(source, target, "Q4_0", Silent())
    assert sha256_of(targets[0]) == sha256_of(targets[1])
    read_metadata(targets[0])


@pytest.mark.real_model
def test_the_default_model_has_the_form_that_was_chosen(default_model: LocalModel) -> None:
    """Its manifest tells where it came from and what was done to it, and the hash is that of the file."""
    manifest = Store(default_model.path.parent).manifest(default_model.name)
    assert manifest is not None
    assert manifest.requantised == CATALOGUE[DEFAULT_MODEL].requantised == "Q8_0"
    assert manifest.sha256 == sha256_of(default_model.path)
