"""A model repository for Triton around a CTranslate2 folder, with our decoder beside it as the converter puts it."""

import shutil
from pathlib import Path

from harness.tiny_ct2 import END, ROWS
from pilotfish.backend import decoder
from pilotfish.backend.converter.python_backend_config import PythonBackendConfig, model_config

MODEL = "fastertransformer"


def write_repository(path: Path, weights: Path, config: PythonBackendConfig | None = None) -> Path:
    """Write both configurations, the program and the weights (linked)."""
    config = config or PythonBackendConfig(positions=256, rows=ROWS, start_id=END, end_id=END)
    version = path / MODEL / "1"
    package = version / "pilotfish_decoder"
    package.mkdir(parents=True)
    (version / "weights").symlink_to(weights)
    assert decoder.__file__ is not None
    for source in Path(decoder.__file__).parent.glob("*.py"):
        shutil.copy(source, (version if source.name == "model.py" else package) / source.name)
    (path / MODEL / "configs").mkdir()
    (path / MODEL / "config.pbtxt").write_text(model_config(config, decoupled=False))
    (path / MODEL / "configs" / "decoupled.pbtxt").write_text(model_config(config, decoupled=True))
    return path
