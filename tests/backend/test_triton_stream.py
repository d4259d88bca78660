"""How a stream is ended early, by which version of Triton."""

import pytest

from pilotfish.backend.proxy.engines.triton_stream import ending


@pytest.mark.parametrize(
    ("version", "can_cancel", "how"),
    [
        ("2.26.0", False, "call"),
        ("2.38.0", False, "call"),
        ("2.39.0", False, "never"),
        ("2.51.0", False, "never"),
        ("2.56.0", False, "never"),
        ("2.57.0", False, "call"),
        ("2.73.0", False, "call"),
        ("3.0", False, "call"),
        ("2.51.0", True, "request"),
        ("2.73.0", True, "request"),
        ("", False, "call"),
        ("2.51.0dev", False, "never"),
    ],
)
def test_how_a_stream_is_ended(version: str, *, can_cancel: bool, how: str) -> None:
    """A model that can is asked to; a call is cancelled only where Triton survives it."""
    assert ending(can_cancel=can_cancel, version=version) == how
