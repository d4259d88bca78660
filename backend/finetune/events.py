"""What a worker tells its parent, a JSON object a line in a file: it is progress, and afterwards the curve."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: str = ""
    """``stage`` (a piece of work starts), ``advance`` (some of it is done), ``step``, ``evaluated`` or ``saved``."""
    step: int = 0
    """Steps of the optimizer so far."""
    stage: str = ""
    """``loading``, ``training``, ``evaluating`` or ``writing``."""
    total: int = 0
    """Of a stage, in its own units: steps, or batches; 0: not known."""
    loss: float = 0.0
    """Of the step, or of the validation blocks: nats a token."""
    rate: float = 0.0
    """The learning rate."""
    gradient: float = 0.0
    """The gradient's norm before it was clipped."""
    tokens: int = 0
    """Trained on in this step."""
    seconds: float = 0.0
    """That this step took."""


class Teller:
    """Writes events."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def tell(self, event: Event) -> None:
        """Write one; a line is written at once, so a reader never sees half of it for long."""
        said = {name: value for name, value in asdict(event).items() if value}
        self._file.write(json.dumps(said) + "\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class Listener:
    """Reads a growing file of events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = path.stat().st_size if path.exists() else 0

    def heard(self) -> Iterator[Event]:
        """What came since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield Event(**json.loads(line))


def read_events(path: Path) -> list[Event]:
    """All whole events of a file; none if there is no file."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")[:-1]
    return [Event(**json.loads(line)) for line in lines]


def forget_after(path: Path, step: int) -> None:
    """Drop what a run did beyond its last whole checkpoint, for it will be done again."""
    kept = [event for event in read_events(path) if event.step <= step]
    beside = path.with_suffix(".kept")
    teller = Teller(beside)
    for event in kept:
        teller.tell(event)
    teller.close()
    beside.replace(path)
