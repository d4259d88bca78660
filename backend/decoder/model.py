"""What Triton starts: a converted model's repository has this file beside the package, as pilotfish_decoder."""

from pilotfish_decoder.triton_model import TritonPythonModel  # type: ignore[import-not-found]

__all__ = ["TritonPythonModel"]
