"""From a model's source to the verified model repository that Triton serves: download, convert, verify."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pilotfish.backend.models.progress import Progress

from .answers import Plan
from .docker import Docker
from .errors import ComposeError
from .folder import let_read, own

LIBRARIES = ("numpy", "safetensors", "tokenizers")
"""What the converter needs beside this package: the extra ``convert``."""
_DEVICES: Mapping[str, str] = {"python": "cuda", "cpu": "cpu"}
"""Where a profile's Triton runs the model; it tells the proxy, and that the editors."""
_IN_CHECKPOINT, _IN_MODELS = "/checkpoint", "/models"


@dataclass(frozen=True, slots=True)
class Preparation:
    """One, of the model of a plan."""

    plan: Plan
    docker: Docker
    progress: Progress
    say: Callable[[str], None]
    endpoint: str | None = None
    """The hub's address; None: its own settings."""
    quick: bool = False
    """Whether sizes and hashes are verified only, not what the model computes."""
    libraries: Sequence[str] = LIBRARIES
    """Without one of these the converter runs in the proxy's image."""

    def run(self, reconsider: Callable[[Path], None] = lambda _: None) -> None:
        """Make sure that the repository is there and right. Raises ``ComposeError``, or what its steps raise.

        ``reconsider`` is shown the checkpoint before it is converted, and raises if it can't be served after all.
        """
        repository = self.plan.team.model_dir
        if self._reused():
            self.say(f"{repository} is there already, and its files have their sizes.")
            return
        checkpoint = self._checkpoint()
        reconsider(checkpoint)
        if all(find_spec(name) for name in self.libraries):
            self._convert_here(checkpoint)
        else:
            self.say("The converter's libraries are not installed here: it runs in the proxy's image.")
            self._convert_in_image(checkpoint)
        let_read(repository, self.plan.team)

    def _reused(self) -> bool:
        """Whether there is a fitting repository; raises ``ComposeError`` if there is one that does not fit."""
        from pilotfish.backend.converter.manifest import NAME, Manifest

        team, repository = self.plan.team, self.plan.team.model_dir
        if not (repository / NAME).exists():
            return False
        manifest = Manifest.read(repository)
        if team.profile != "external" and manifest.target != self.plan.target:
            raise ComposeError(
                f"{repository} was converted for {manifest.target}, which the backend {team.profile} doesn't serve."
            )
        if team.profile == "fastertransformer" and manifest.gpus != len(team.gpus):
            raise ComposeError(
                f"{repository} was converted for {manifest.gpus} GPUs, not for {len(team.gpus)}. Convert it again."
            )
        refuse_broken(repository)
        return True

    def _checkpoint(self) -> Path:
        from pilotfish.backend.models.checkpoint import fetch_checkpoint

        source = self.plan.source
        if source.folder is not None:
            return source.folder
        if source.repository is None:
            raise ComposeError(f"{self.plan.team.model_dir} is gone, and there is no checkpoint to convert.")
        self.say(f"The model {source.repository} comes from the hub, under its makers' licence.")
        into = self.plan.team.checkpoints / source.name
        return fetch_checkpoint(source.repository, into, self.progress, endpoint=self.endpoint)

    def _convert_here(self, checkpoint: Path) -> None:
        from pilotfish.backend.converter.convert import convert
        from pilotfish.backend.converter.options import ConvertOptions
        from pilotfish.backend.converter.verify import verify

        plan, repository = self.plan, self.plan.team.model_dir
        options = ConvertOptions(
            checkpoint=checkpoint,
            out=repository,
            target=plan.target,
            gpus=max(1, len(plan.team.gpus)),
            quantization=plan.quantization,
            device=_DEVICES.get(plan.team.profile, "auto"),
        )
        convert(options, self.progress)
        against = None if self.quick else checkpoint
        if problems := verify(repository, against, self.progress, self.say):
            raise _broken(repository, [str(problem) for problem in problems])

    def _convert_in_image(self, checkpoint: Path) -> None:
        plan, repository = self.plan, self.plan.team.model_dir
        # A folder of its own to write in: whom the container runs as need not own all models.
        work = repository.with_name(f".{repository.name}.converted")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            own(work, plan.team)
            out = f"{_IN_MODELS}/{repository.name}"
            quantization = () if plan.quantization is None else ("--quantization", plan.quantization)
            self._tool(
                checkpoint,
                work,
                *("convert", _IN_CHECKPOINT, "--out", out, "--target", plan.target),
                *("--gpus", str(max(1, len(plan.team.gpus))), *quantization),
                *("--device", _DEVICES.get(plan.team.profile, "auto")),
            )
            self._tool(
                checkpoint,
                work,
                *("verify", out),
                *(() if self.quick else ("--against", _IN_CHECKPOINT)),
            )
            refuse_broken(work / repository.name)
            (work / repository.name).replace(repository)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _tool(self, checkpoint: Path, models: Path, *arguments: str) -> None:
        """Run a command of ours in the proxy's image, which is built if it is not there."""
        mounts = (f"{checkpoint}:{_IN_CHECKPOINT}:ro", f"{models}:{_IN_MODELS}")
        status = self.docker.compose(
            *("--profile", "tools", "run", "--rm", "--no-deps"),
            *(part for mount in mounts for part in ("--volume", mount)),
            *("tools", *arguments),
        )
        if status:
            raise ComposeError(
                f"'{arguments[0]}' in the proxy's image ended with status {status}; see above."
            )


def refuse_broken(repository: Path) -> None:
    """Raise ``ComposeError`` unless every file of a model repository has the size that it must have.

    Triton would load what is short or missing as random numbers and call itself ready.
    """
    from pilotfish.backend.converter.check import check_sizes

    if problems := check_sizes(repository):
        raise _broken(repository, [str(problem) for problem in problems])


def _broken(repository: Path, problems: Sequence[str]) -> ComposeError:
    shown = "\n  ".join(problems[:20])
    more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
    return ComposeError(f"{repository} must not be served:\n  {shown}{more}\nConvert the checkpoint again.")
