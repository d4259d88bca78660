"""The wheel that the images are built from: packed out of what is installed here, so that both are the same version.

A wheel is a zip file whose RECORD names every file with its hash
(https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
"""

import base64
import hashlib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from .errors import ComposeError

_NAME = "pilotfish"
_PACKAGES = ("pilotfish.lsp", "pilotfish.backend")
_LEFT_OUT = {"__pycache__"}
_BESIDE = ("entry_points.txt", "top_level.txt")
_WHEEL = """\
Wheel-Version: 1.0
Generator: pilotfish-backend compose
Root-Is-Purelib: true
Tag: py3-none-any
"""
_TIME = (2020, 1, 1, 0, 0, 0)  # the same files give the same wheel


def write_wheel(folder: Path) -> Path:
    """Write ``pilotfish-VERSION-py3-none-any.whl`` into a folder. Raises ``ComposeError`` if it is not installed."""
    try:
        installed = distribution(_NAME)
    except PackageNotFoundError:
        raise ComposeError(
            f"{_NAME} is not installed, only its sources are here: pip install it first."
        ) from None
    stem = f"{_NAME}-{installed.version}"
    files = {}
    for package in _PACKAGES:
        root = _root(package)
        for path in sorted(root.rglob("*")):
            if path.is_file() and not _LEFT_OUT.intersection(path.parts):
                files[f"{package.replace('.', '/')}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    # The second is its name beside sources.
    metadata = installed.read_text("METADATA") or installed.read_text("PKG-INFO")
    if not metadata:
        raise ComposeError(f"the installed {_NAME} has no metadata: install it again.")
    files[f"{stem}.dist-info/METADATA"] = metadata.encode()
    for name in _BESIDE:
        if (text := installed.read_text(name)) is not None:
            files[f"{stem}.dist-info/{name}"] = text.encode()
    files[f"{stem}.dist-info/WHEEL"] = _WHEEL.encode()
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    target = folder / f"{stem}-py3-none-any.whl"
    scratch = target.with_suffix(".part")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    scratch.replace(target)
    for other in folder.glob(f"{_NAME}-*.whl"):
        if other != target:
            other.unlink()
    return target


def _root(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ComposeError(f"{package} is not installed as files on a disk, so no wheel can be made of it.")
    return Path(spec.submodule_search_locations[0])


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
