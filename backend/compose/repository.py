"""From a model's source to the verified model repository that Triton serves: download, convert, verify."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pilotfish.backend.models.progress import Progress

from .answers import Plan
from .docker import Docker
from .errors import ComposeError
from .folder import let_read, own

LIBRARIES = ("ctranslate2", "numpy", "tokenizers")
"""What converting and verifying need beside this package: the extra ``convert``."""
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
    anew: bool = False
    """Whether it is converted although there is one that may be served."""
    libraries: Sequence[str] = LIBRARIES
    """Without one of these the converter runs in the proxy's image."""

    def run(self, reconsider: Callable[[Path], None] = lambda _: None) -> None:
        """Make sure that the repository is there and right. Raises ``ComposeError``, or what its steps raise.

        What is converted takes its place when it is verified, and until then what is there stays. ``reconsider`` is
        shown the checkpoint before it is converted, and raises if it can't be served after all.
        """
        repository = self.plan.team.model_dir
        if self._reused():
            return
        checkpoint = self._checkpoint()
        reconsider(checkpoint)
        here = all(find_spec(name) for name in self.libraries)
        if not here:
            self.say("The converter's libraries are not installed here: it runs in the proxy's image.")
        with _beside(repository) as work:
            (self._convert_here if here else self._convert_in_image)(checkpoint, work / repository.name)
            let_read(work / repository.name, self.plan.team)
            if _take_place(work / repository.name, repository):
                self.say(f"{repository} was replaced. What runs has the old one until the next compose up.")

    def _reused(self) -> bool:
        """Whether there is a fitting repository; raises ``ComposeError`` if there is one that does not fit."""
        from pilotfish.backend.converter.manifest import NAME, Manifest
        from pilotfish.backend.converter.problems import ConvertError
        from pilotfish.backend.converter.staging import check_place

        repository, source = self.plan.team.model_dir, self.plan.source
        if not (repository / NAME).exists():
            check_place(repository, force=True)  # what is not ours is not replaced
            return False
        can_be_made = source.folder is not None or source.repository is not None
        if self.anew and not can_be_made:
            raise ComposeError(f"--anew: name what {repository} was made of, too: --model CHECKPOINT")
        if self.anew:
            return False
        try:
            refuse_broken(repository)
            manifest = Manifest.read(repository)
        except (ComposeError, ConvertError) as error:
            if not can_be_made:
                raise ComposeError(str(error)) from error
            self.say(f"{error}\nThat is done now.")
            return False
        if source.folder is not None and _newest(source.folder) > _newest(repository):
            self.say(f"{source.folder} was changed since {repository} was made of it: it is converted anew.")
            return False
        self._refuse_other(manifest.target, manifest.gpus)
        self.say(
            f"{repository} is there already, and its files have their sizes."
            f"{' To convert the checkpoint all the same: --anew' if can_be_made else ''}"
        )
        return True

    def _refuse_other(self, target: str, gpus: int) -> None:
        """Raise ``ComposeError`` unless a repository of that kind can be served as planned."""
        team, repository = self.plan.team, self.plan.team.model_dir
        if team.profile != "external" and target != self.plan.target:
            raise ComposeError(
                f"{repository} was converted for {target}, which the backend {team.profile} doesn't serve."
            )
        if team.profile == "fastertransformer" and gpus != len(team.gpus):
            raise ComposeError(
                f"{repository} was converted for {gpus} GPUs, not for {len(team.gpus)}. Convert it again."
            )

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

    def _convert_here(self, checkpoint: Path, out: Path) -> None:
        from pilotfish.backend.converter.convert import convert
        from pilotfish.backend.converter.options import ConvertOptions
        from pilotfish.backend.converter.verify import verify

        plan = self.plan
        options = ConvertOptions(
            checkpoint=checkpoint,
            out=out,
            target=plan.target,
            gpus=max(1, len(plan.team.gpus)),
            quantization=plan.quantization,
            device=_DEVICES.get(plan.team.profile, "auto"),
        )
        convert(options, self.progress)
        against = None if self.quick else checkpoint
        if problems := verify(out, against, self.progress, self.say):
            raise _broken(plan.team.model_dir, [str(problem) for problem in problems])

    def _convert_in_image(self, checkpoint: Path, out: Path) -> None:
        plan, inside = self.plan, f"{_IN_MODELS}/{out.name}"
        # A folder of its own to write in: whom the container runs as need not own all models.
        own(out.parent, plan.team)
        quantization = () if plan.quantization is None else ("--quantization", plan.quantization)
        self._tool(
            checkpoint,
            out.parent,
            *("convert", _IN_CHECKPOINT, "--out", inside, "--target", plan.target),
            *("--gpus", str(max(1, len(plan.team.gpus))), *quantization),
            *("--device", _DEVICES.get(plan.team.profile, "auto")),
        )
        self._tool(
            checkpoint,
            out.parent,
            *("verify", inside),
            *(() if self.quick else ("--against", _IN_CHECKPOINT)),
        )
        refuse_broken(out)

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


@contextmanager
def _beside(repository: Path) -> Iterator[Path]:
    """A folder to convert into, on the same file system; it is gone afterwards, and after a kill at the next run."""
    work = repository.with_name(f".{repository.name}.converted")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        yield work
    except OSError as error:
        raise ComposeError(f"can't write {error.filename or work}: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _take_place(finished: Path, repository: Path) -> bool:
    """Put it there in one step; whether there was something before."""
    from pilotfish.backend.converter.exchange import exchange

    replaced = repository.is_dir() and any(repository.iterdir())
    exchange(finished, repository)
    return replaced


def _newest(folder: Path) -> int:
    """When the last of a folder's files was written, in nanoseconds."""
    return max((path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()), default=0)


def stamp(repository: Path) -> str:
    """What tells this state of a model repository from another; empty for one without a manifest."""
    from pilotfish.backend.converter.manifest import NAME

    manifest = repository / NAME
    return hashlib.sha256(manifest.read_bytes()).hexdigest()[:12] if manifest.is_file() else ""


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
    return ComposeError(
        f"{repository} must not be served:\n  {shown}{more}\nConvert the checkpoint again: "
        "pilotfish-backend compose init --model NAME|DIR"
    )
