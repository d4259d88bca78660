"""How CTranslate2 stores numbers."""

import numpy as np
import pytest

from pilotfish.backend.converter.ct2_numbers import NotFinite, as_float, int8_rows


def test_int8_keeps_the_largest_and_loses_half_a_step_at_most() -> None:
    """Each row's largest number becomes 127 in size, and every number comes back within half a step."""
    rows = np.random.default_rng(0).standard_normal((7, 33), np.float32)
    quantised, scales = int8_rows(rows)
    assert quantised.dtype == np.int8
    assert (np.abs(quantised.astype(int)).max(axis=1) == 127).all()
    assert (np.abs(quantised / scales[:, None] - rows) <= 0.5001 / scales[:, None]).all()


def test_int8_leaves_what_it_was_given() -> None:
    """The checkpoint's numbers are scaled in a copy: they may be a read-only map."""
    rows = np.ones((2, 3), np.float32)
    rows.flags.writeable = False
    int8_rows(rows)
    assert (rows == 1).all()


@pytest.mark.parametrize("value", [0.0, 1e-45])
def test_int8_of_next_to_nothing_has_a_finite_scale(value: float) -> None:
    """Rows of zeros and of denormal numbers have a scale that is a number."""
    quantised, scales = int8_rows(np.full((1, 4), value, np.float32))
    assert np.isfinite(scales).all()
    assert np.isfinite(quantised / scales[:, None]).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("stored", ["float32", "float16"])
@pytest.mark.parametrize("wanted", ["int8", "float32", "float16", "bfloat16"])
def test_what_is_no_number_is_refused(value: float, stored: str, wanted: str) -> None:
    """A broken checkpoint is not made to look whole, whatever type it has and gets."""
    values = np.array([[1.0, value]]).astype(stored)
    with pytest.raises(NotFinite, match="the checkpoint is broken"):
        _ = int8_rows(values) if wanted == "int8" else as_float(values, wanted)


def test_half_precision_becomes_float32_exactly() -> None:
    """Every one of its numbers, signed zeros and the smallest ones included."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)]
    assert as_float(every, "float32").tobytes() == every.astype(np.float32).tobytes()


def test_large_numbers_are_numbers() -> None:
    """Those whose sum is infinite are not taken for a broken checkpoint."""
    largest = np.full(3, np.finfo(np.float32).max)
    assert (as_float(largest, "float32") == largest).all()


def test_float16_refuses_what_it_cannot_hold() -> None:
    """A number that would become infinite is an error that names the types to choose instead."""
    assert as_float(np.array([65504.0], np.float32), "float16").tolist() == [65504.0]
    with pytest.raises(NotFinite, match="bfloat16"):
        as_float(np.array([70000.0], np.float32), "float16")


def test_a_type_kept_costs_nothing() -> None:
    """Numbers that have their type already are passed on as they lie in the file."""
    values = np.ones(3, np.float16)
    assert as_float(values, "float16") is values


def test_bfloat16_rounds_to_the_nearest_even() -> None:
    """Halves go to the even neighbour, and signs stay."""
    bits = {
        0x3F80_0000: 0x3F80,  # 1
        0x3F80_8000: 0x3F80,  # half way, down to even
        0x3F81_8000: 0x3F82,  # half way, up to even
        0x3F80_8001: 0x3F81,  # just over half
        0xBF80_FFFF: 0xBF81,
    }
    values = np.array(list(bits), np.uint32).view(np.float32)
    assert as_float(values, "bfloat16").tolist() == list(bits.values())
