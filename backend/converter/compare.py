"""How far apart two decoders are: the logits that they give for the same ids.

A wrong order of q, k and v, a wrong rank or a wrong row moves the logits by about their own spread; rounding moves
them by a small part of it. The bars lie between, by what the numbers are stored in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BARS: Mapping[str, float] = {
    "float32": 1e-4,
    "float16": 0.03,
    "bfloat16": 0.1,
    "int16": 0.03,
    "int8": 0.25,
}
"""How far apart, at most, logits may be by rounding alone; in units of the logits' standard deviation."""
_PROBES = 24


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of logits for the same ids."""

    apart: float = 0.0
    """Root mean square of the difference, in units of the logits' standard deviation."""
    largest: float = 0.0
    """The largest difference, as the logits are."""
    agreement: float = 1.0
    """Share of positions at which the best id is the same."""

    def __str__(self) -> str:
        """For people."""
        return (
            f"apart by {self.apart:.1e} of their spread, {self.largest:.1e} at most; "
            f"the best token is the same at {self.agreement:.0%} of the positions"
        )


def compare(expected: "Array", found: "Array") -> Comparison:
    """Compare logits [..., V]; what is no finite number is infinitely far away."""
    import numpy as np

    difference = np.asarray(found, np.float64) - expected
    if not np.isfinite(difference).all():
        return Comparison(float("inf"), float("inf"), 0.0)
    return Comparison(
        float(np.sqrt((difference**2).mean()) / max(float(expected.std()), 1e-30)),
        float(np.abs(difference).max()),
        float((expected.argmax(-1) == np.asarray(found).argmax(-1)).mean()),
    )


def probe_ids(rows: int) -> list[int]:
    """Ids spread over a vocabulary: its first, its last, and others in no order, one of them twice in a row."""
    # Steps of the golden section visit every part of the range.
    spread = [int(rows * (0.618033988749895 * step % 1)) for step in range(_PROBES - 3)]
    return [*spread, rows - 1, spread[3], spread[3]]
