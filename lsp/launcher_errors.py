"""Why the local backend does not run, each with a message that a user can act on."""

from pathlib import Path


class LauncherError(Exception):
    """The local backend can't be had; ``str()`` says why and what to do."""


class LocalEngineMissing(LauncherError):
    """The program, or what it needs to run a model on this machine, is not installed."""


class ModelMissing(LauncherError):
    """The model has to be downloaded first, which only the user may decide."""

    def __init__(self, name: str, *, size: int | None = None, licence: str = "") -> None:
        super().__init__(f"the model {name} is not here yet: run pilotfish-backend pull {name}")
        self.name = name
        self.size = size
        """Bytes to download, where known."""
        self.licence = licence
        """Name of the model's licence, where known."""


class UnknownModel(LauncherError):
    """``backend.model`` names neither a file nor a model of the catalogue."""


class StoppedByUser(LauncherError):
    """Somebody stopped the local backend, and nobody has said start since."""

    def __init__(self) -> None:
        super().__init__("the local backend was stopped; start it with the command pilotfish.backend.start")


class StartFailed(LauncherError):
    """The backend ended, or did not become ready, at its start."""

    def __init__(self, message: str, *, log: Path) -> None:
        super().__init__(message)
        self.log = log


class CrashLoop(LauncherError):
    """It crashed too often in a short time, so that it is not started again by itself."""

    def __init__(self, crashes: int, *, log: Path) -> None:
        super().__init__(
            f"the local backend crashed {crashes} times within ten minutes and stays off; see {log}"
        )
        self.log = log


class PullFailed(LauncherError):
    """A model could not be downloaded."""
