"""FasterTransformer's files of a tiny model, written by the definition of the layout and by nothing of ours.

The converter is compared with this, and the reference decoder reads it. The layout: ``huggingface_gptj_convert.py`` and
``GptJWeight.cc`` of FasterTransformer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ft_files(tensors: Mapping[str, Array], ranks: int) -> dict[str, Array]:
    """GPT-J's tensors (Hugging Face's names, weights [out, in]) as FasterTransformer's files: name to contents."""
    files = {
        "model.wte.bin": tensors["transformer.wte.weight"],
        "model.lm_head.weight.bin": tensors["lm_head.weight"],
        "model.lm_head.bias.bin": tensors["lm_head.bias"],
        "model.final_layernorm.weight.bin": tensors["transformer.ln_f.weight"],
        "model.final_layernorm.bias.bin": tensors["transformer.ln_f.bias"],
    }
    layers = sum(name.endswith("ln_1.bias") for name in tensors)
    for layer in range(layers):
        own = {
            name.split(".", 3)[3]: array
            for name, array in tensors.items()
            if name.startswith(f"transformer.h.{layer}.")
        }
        at = f"model.layers.{layer}."
        files[f"{at}input_layernorm.weight.bin"] = own["ln_1.weight"]
        files[f"{at}input_layernorm.bias.bin"] = own["ln_1.bias"]
        files[f"{at}mlp.dense_4h_to_h.bias.bin"] = own["mlp.fc_out.bias"]
        qkv = np.stack([own[f"attn.{part}_proj.weight"].T for part in "qkv"], axis=1)  # [H, 3, H]
        split = {
            "attention.query_key_value.weight": (qkv, 2),
            "attention.dense.weight": (own["attn.out_proj.weight"].T, 0),
            "mlp.dense_h_to_4h.weight": (own["mlp.fc_in.weight"].T, 1),
            "mlp.dense_h_to_4h.bias": (own["mlp.fc_in.bias"], 0),
            "mlp.dense_4h_to_h.weight": (own["mlp.fc_out.weight"].T, 0),
        }
        for name, (array, axis) in split.items():
            for rank, part in enumerate(np.split(array, ranks, axis)):
                files[f"{at}{name}.{rank}.bin"] = part
    return files


def write_ft_files(folder: Path, tensors: Mapping[str, Array], ranks: int, dtype: str = "float32") -> Path:
    """Write them into a new folder."""
    folder.mkdir(parents=True)
    for name, array in ft_files(tensors, ranks).items():
        (folder / name).write_bytes(np.ascontiguousarray(array).astype(dtype).tobytes())
    return folder
