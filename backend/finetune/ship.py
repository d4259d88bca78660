"""From a tuned checkpoint to what is served: converted, verified, and what to type next."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.convert import TARGETS, convert
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
_TARGET = "ctranslate2"
_OPTIONS: Mapping[str, str] = {"--gpus": "--convert-gpus"}


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to become of a tuned model."""

    repository: Path = Path()
    """The model repository's folder."""
    target: str = _TARGET
    """Or ``fastertransformer``."""
    quantization: str | None = None
    """For ctranslate2; None: as the checkpoint is."""
    gpus: int = 1
    """For fastertransformer: that share the model."""
    force: bool = False


def shipment_of(
    repository: Path | None,
    *,
    target: str | None = None,
    quantization: str | None = None,
    gpus: int | None = None,
    force: bool = False,
) -> Shipment | None:
    """What was asked for; None: nothing is to be shipped. Raises ``FinetuneError`` about options that need --ship."""
    given = {"--target": target, "--quantization": quantization, "--convert-gpus": gpus}
    if repository is None:
        if idle := [option for option, value in given.items() if value is not None]:
            raise FinetuneError(
                f"{', '.join(idle)}: this says how the tuned model is converted. Say with --ship REPO where to, or "
                "leave it out and convert the model later."
            )
        return None
    return Shipment(repository, target or _TARGET, quantization, gpus or 1, force)


def agree(shipment: Shipment, architecture: Architecture) -> None:
    """Refuse what a model of this architecture can't be converted to. Raises ``FinetuneError``."""
    problems = TARGETS[shipment.target].check(architecture, _asked(shipment, Path()))
    if problems:
        # There the option is called as that of ``convert``; here it would be the one for training.
        lines = [str(replace(each, where=_OPTIONS.get(each.where, each.where))) for each in problems]
        raise FinetuneError("--ship: the tuned model could not be converted so:\n  " + "\n  ".join(lines))


def check(shipment: Shipment, out: Path) -> None:
    """Refuse what can't be shipped before anything is trained. Raises ``FinetuneError``."""
    repository = shipment.repository.resolve()
    if repository.is_relative_to(out) or out.is_relative_to(repository):
        raise FinetuneError(f"--ship: {repository} and --out {out} lie in each other. Name another folder.")
    parent = next(each for each in repository.parents if each.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise FinetuneError(
            f"--ship: {repository} can't be made: {parent} is no folder that may be written to."
        )
    try:
        check_place(repository, force=shipment.force)
    except ConvertError as error:
        # There the option is called as that of ``convert``.
        raise FinetuneError(f"--ship: {str(error).replace('--out', '--ship')}") from error


def ship(shipment: Shipment, checkpoint: Path, say: Say) -> None:
    """Convert a tuned checkpoint and verify the result against it. Raises ``FinetuneError``; the checkpoint stays."""
    repository = shipment.repository.resolve()
    asked = _asked(shipment, checkpoint)
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


def _asked(shipment: Shipment, checkpoint: Path) -> ConvertOptions:
    return ConvertOptions(
        checkpoint=checkpoint,
        out=shipment.repository.resolve(),
        target=shipment.target,
        quantization=shipment.quantization,
        gpus=shipment.gpus,
        force=shipment.force,
    )


def _undone(shipment: Shipment, checkpoint: Path, why: str) -> str:
    command = ["pilotfish-backend", "convert", str(checkpoint), "--out", str(shipment.repository.resolve())]
    command += ["--target", shipment.target]
    if shipment.quantization:
        command += ["--quantization", shipment.quantization]
    if shipment.gpus > 1:
        command += ["--gpus", str(shipment.gpus)]
    return f"{why}\n  The tuned model is whole, in {checkpoint}. Go on with: {shlex.join(command)}"
