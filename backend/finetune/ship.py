"""From a tuned checkpoint to what is served: converted, verified, and what to type next."""

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pilotfish.backend.converter.convert import convert
from pilotfish.backend.converter.options import ConvertOptions
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.staging import check_place
from pilotfish.backend.converter.verify import verify
from pilotfish.backend.models.progress import shown_on

from .problems import FinetuneError

Say = Callable[[str], None]
_NEXT: Mapping[str, str] = {
    "ctranslate2": "Serve it here:       pilotfish-backend serve --model {repository}\n"
    "Serve it to a team:  pilotfish-backend compose init --model {repository}",
    "fastertransformer": "Serve it to a team:  pilotfish-backend compose init --model {repository}",
}


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to become of a tuned model."""

    repository: Path = Path()
    """The model repository's folder."""
    target: str = "ctranslate2"
    """Or ``fastertransformer``."""
    quantization: str | None = None
    """For ctranslate2; None: as the checkpoint is."""
    gpus: int = 1
    """For fastertransformer: that share the model."""
    force: bool = False


def check(shipment: Shipment, out: Path) -> None:
    """Refuse what can't be shipped before anything is trained. Raises ``FinetuneError``."""
    repository = shipment.repository.resolve()
    if repository.is_relative_to(out) or out.is_relative_to(repository):
        raise FinetuneError(f"--ship: {repository} and --out {out} lie in each other. Name another folder.")
    try:
        check_place(repository, force=shipment.force)
    except ConvertError as error:
        # There the option is called as that of ``convert``.
        raise FinetuneError(f"--ship: {str(error).replace('--out', '--ship')}") from error


def ship(shipment: Shipment, checkpoint: Path, say: Say) -> None:
    """Convert a tuned checkpoint and verify the result against it. Raises ``FinetuneError``; the checkpoint stays."""
    repository = shipment.repository.resolve()
    asked = ConvertOptions(
        checkpoint=checkpoint,
        out=repository,
        target=shipment.target,
        quantization=shipment.quantization,
        gpus=shipment.gpus,
        force=shipment.force,
    )
    with shown_on(sys.stderr) as progress:
        try:
            convert(asked, progress, say)
            problems = verify(repository, checkpoint, progress, say)
        except ConvertError as error:
            raise FinetuneError(_undone(shipment, checkpoint, str(error))) from error
    if problems:
        raise FinetuneError(_undone(shipment, checkpoint, "\n".join(map(str, problems))))
    say(f"{repository}: converted, and it computes what the tuned model computes.")
    say(_NEXT[shipment.target].format(repository=shlex.quote(str(repository))))


def _undone(shipment: Shipment, checkpoint: Path, why: str) -> str:
    command = ["pilotfish-backend", "convert", str(checkpoint), "--out", str(shipment.repository.resolve())]
    command += ["--target", shipment.target]
    if shipment.quantization:
        command += ["--quantization", shipment.quantization]
    if shipment.gpus > 1:
        command += ["--gpus", str(shipment.gpus)]
    return f"{why}\n  The tuned model is whole, in {checkpoint}. Go on with: {shlex.join(command)}"
