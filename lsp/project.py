"""Which folder an editor would have opened, for the commands that have no editor to tell."""

from pathlib import Path


def project_folder(folder: Path) -> Path:
    """Return the nearest folder with a ``.git``, from ``folder`` upwards, or else the folder itself; resolved."""
    start = folder.resolve()
    return next((above for above in (start, *start.parents) if (above / ".git").exists()), start)
