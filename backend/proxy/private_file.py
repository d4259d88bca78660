"""Files that only their owner may read, written as a whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file (mode 0600); a reader sees the old one or the new one. Raises ``OSError``.

    Written by root, it stays with the owner that it had: a container's user, say.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _keep_owner(path: Path, temporary: Path) -> None:
    if os.name == "posix" and os.geteuid() == 0 and path.exists():
        before = path.stat()
        os.chown(temporary, before.st_uid, before.st_gid)
