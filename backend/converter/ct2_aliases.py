"""Arrays that occur twice, which CTranslate2 stores once: tied embeddings, biases that were never trained.

Source: ``LayerSpec._alias_variables`` of ``python/ctranslate2/specs/model_spec.py``: what equals an array before it
in the order of names becomes its alias.
"""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Mapping

import numpy as np

from .architecture import Architecture
from .ct2_model import Stored, Vector, Weights, stored
from .tensors import Rows

_PEEK = 256  # numbers at an array's beginning, which tell nearly all that differ apart
_ROWS = 4096


def find_aliases(architecture: Architecture, weights: Weights) -> Mapping[str, str]:
    """Alias → the name of the variable it equals. Reads the beginning of each array, and all of those alike in it."""
    alike: dict[Hashable, list[Stored]] = defaultdict(list)
    for each in sorted(stored(architecture.layers), key=lambda each: each.name):
        parts = _parts(each, weights)
        peek = b"".join(_raw(part.between(0, _PEEK if len(part.shape) == 1 else 1)) for part in parts)
        alike[(*_kind(each, parts), peek)].append(each)
    found: dict[str, str] = {}
    for group in alike.values():
        if len(group) < 2:
            continue
        first: dict[bytes, str] = {}
        for each in group:
            name = first.setdefault(_digest(_parts(each, weights)), each.name)
            if name != each.name:
                found[each.name] = name
    return found


def _parts(each: Stored, weights: Weights) -> list[Rows]:
    names = (each.source,) if isinstance(each, Vector) else each.sources
    return [weights.rows(name) for name in names]


def _kind(each: Stored, parts: list[Rows]) -> tuple[Hashable, ...]:
    reordered = () if isinstance(each, Vector) else tuple(name in each.rotary for name in each.sources)
    return (reordered, *((part.shape, part.dtype) for part in parts))


def _raw(rows: Rows) -> bytes:
    return b"".join(np.ascontiguousarray(piece).tobytes() for piece in rows.pieces)


def _digest(parts: list[Rows]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        for start in range(0, part.shape[0], _ROWS):
            digest.update(_raw(part.between(start, min(start + _ROWS, part.shape[0]))))
    return digest.digest()
