"""A model that fills in, for tests: the default model, with three of its special tokens declared FIM tokens."""

from pathlib import Path

PREFIX, SUFFIX, MIDDLE = 14, 15, 16
"""<jupyter_output>, <jupyter_script>, <empty_output>: the model never says them of its own accord."""


def write_fim_model(source: Path, target: Path) -> None:
    """Copy a GGUF, with the keys that tell which tokens are prefix, suffix and middle."""
    import gguf
    import numpy

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            outer = field.types[0]
            inner = field.types[-1] if outer == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), outer, sub_type=inner)
    for key, token in (("fim_pre", PREFIX), ("fim_suf", SUFFIX), ("fim_mid", MIDDLE)):
        writer.add_uint32(f"tokenizer.ggml.{key}_token_id", token)
    for tensor in reader.tensors:
        shape = tuple(reversed(tensor.shape.tolist()))
        kind = numpy.dtype(numpy.float32)
        writer.add_tensor_info(tensor.name, shape, kind, int(tensor.n_bytes), raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(tensor.data)
    writer.close()
