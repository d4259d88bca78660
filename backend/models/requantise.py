"""Bring a GGUF's weights into another form. The same file in, the same bytes out."""

from pathlib import Path

from .catalogue import Quantisation
from .errors import BadModelFileError
from .progress import Progress

_FILE_TYPES = {"Q8_0": 7, "Q4_0": 2}  # general.file_type
_ARCHITECTURE = "general.architecture"
_FILE_TYPE = "general.file_type"
_WRITTEN_ANEW = {_ARCHITECTURE, _FILE_TYPE, "general.alignment"}


def requantise(source: Path, target: Path, to: Quantisation, progress: Progress) -> None:
    """Write ``target``: every quantised matrix of ``source`` as ``to``, everything else as it is.

    One tensor is in memory at a time. Raises ``BadModelFileError`` if a tensor's form is not known.
    """
    import gguf
    import numpy
    from gguf.quants import dequantize, quantize

    kind = gguf.GGMLQuantizationType[to]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields[_ARCHITECTURE].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in _WRITTEN_ANEW:
            outer = field.types[0]
            inner = field.types[-1] if outer == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), outer, sub_type=inner)
    writer.add_uint32(_FILE_TYPE, _FILE_TYPES[to])
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    changed: set[str] = set()
    for tensor in reader.tensors:
        shape = tuple(reversed(tensor.shape.tolist()))
        form, size = tensor.tensor_type, int(tensor.n_bytes)
        quantised = gguf.GGML_QUANT_SIZES[form][0] > 1
        if quantised and form != kind and len(shape) > 1 and shape[-1] % block == 0:
            changed.add(tensor.name)
            form, size = kind, int(tensor.n_elements) // block * block_bytes
        # The element type only matters where no form is given.
        writer.add_tensor_info(tensor.name, shape, numpy.dtype(numpy.float32), size, raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    progress.begin(f"Bringing the weights into {to}", sum(int(tensor.n_bytes) for tensor in reader.tensors))
    try:
        for tensor in reader.tensors:
            data = tensor.data
            if tensor.name in changed:
                data = quantize(dequantize(data, tensor.tensor_type), kind)
            writer.write_tensor_data(data)
            progress.advance(int(tensor.n_bytes))
    except NotImplementedError as error:
        raise BadModelFileError(f"{source} has weights in a form that can't be read: {error}") from error
    finally:
        writer.close()
