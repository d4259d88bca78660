"""`compose init`: from a model's name to a folder out of which `compose up` starts a team backend."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pilotfish.backend.models.progress import Progress
from pilotfish.backend.version import version

from .access import NewKey, first_key, metrics_key
from .answers import Plan, Wanted, settle
from .checks import Finding, check_folders, check_gpus, check_ports
from .docker import Docker
from .errors import ComposeError
from .folder import METRICS_KEY, read_values, write_environment, write_files
from .machine import can_write, find_gpus, port_is_free
from .questions import Dialogue
from .repository import Preparation, stamp
from .sources import find_source
from .team import OWN_TRITON, Team, team_of

_ROOT_RUNS_AS = 10001
"""Whom the containers run as where root makes the folder."""


@dataclass(frozen=True, slots=True)
class Init:
    """One run."""

    folder: Path
    wanted: Wanted
    environment: Mapping[str, str] = field(repr=False)
    say: Callable[[str], None]
    progress: Callable[[], AbstractContextManager[Progress]]
    """Begins a display of what takes long; not before all questions are answered."""
    dialogue: Dialogue | None = None
    """A person to ask; None: options and proposals decide."""
    env_file: Path | None = None
    """Another `.env` to begin with, FauxPilot's for one; None: the folder's own."""
    key_name: str = "team"
    quick: bool = False
    anew: bool = False
    endpoint: str | None = None

    def run(self) -> "Made":
        """Do all of it; then the team backend can be started.

        Nothing is written before everything that can be checked was. The first answers are written before the model is
        brought, so that a run that was cut short goes on with them; later ones when all went well, so that what is
        there stays in use. Keys are never lost. Raises ``ComposeError``, ``ModelError`` or
        ``ConvertError``.
        """
        plan = self._plan()
        self._refuse_or_note(self._findings(plan))
        write_files(self.folder, plan.team)
        if not (self.folder / ".env").exists():
            write_environment(self.folder, plan.team)
        docker = Docker(self.folder, self.environment)
        with self.progress() as progress:
            preparation = Preparation(plan, docker, progress, self.say, self.endpoint, self.quick, self.anew)
            preparation.run(lambda checkpoint: self._reconsider(plan, checkpoint))
        team = replace(plan.team, model_stamp=stamp(plan.team.model_dir))
        write_environment(self.folder, team)
        return Made(team, self._let_in(team))

    def _plan(self) -> Plan:
        file = self.env_file or self.folder / ".env"
        values = read_values(file)
        if self.env_file is not None and not values:
            raise ComposeError(f"{file} is not there, or says nothing.")
        before = team_of(values, file.parent.absolute(), base=self._defaults())
        if values and "COMPOSE_PROFILES" not in values:
            before = self._of_fauxpilot(before, values)
        gpus = find_gpus(self.environment)
        plan = settle(
            self.wanted, before, known=bool(values), folder=self.folder, gpus=gpus, dialogue=self.dialogue
        )
        return replace(plan, team=replace(plan.team, version=version()))

    def _defaults(self) -> Team:
        root = os.geteuid() == 0
        return Team(
            model_dir=self.folder / "models" / "none",
            checkpoints=self.folder / "checkpoints",
            keys_dir=self.folder / "keys",
            uid=_ROOT_RUNS_AS if root else os.geteuid(),
            gid=_ROOT_RUNS_AS if root else os.getegid(),
        )

    def _of_fauxpilot(self, before: Team, values: Mapping[str, str]) -> Team:
        """What FauxPilot's own variables mean here: its image, unless its Triton ran elsewhere."""
        if before.triton_host != OWN_TRITON:
            return replace(before, profile="external")
        self.say(
            "This .env has no COMPOSE_PROFILES, so it is taken for one of FauxPilot's. What FauxPilot serves from "
            f"{before.model_dir} is not used: the model is converted anew, {before.model} if you don't name another. "
            "For one of your own: --model CHECKPOINT"
        )
        # There the port was one of the host; here nothing outside the containers sees it.
        return replace(before, profile="fastertransformer" if values.get("NUM_GPUS") else before.profile)

    def _findings(self, plan: Plan) -> list[Finding]:
        team = plan.team
        docker = Docker(self.folder, self.environment).trouble()
        running = (self.folder / ".env").exists()  # then the ports may well be in use, by ourselves
        findings = check_gpus(team, find_gpus(self.environment), plan.source.shape, plan.kept)
        if docker is not None:
            findings.append(Finding(f"{docker} You need it for 'compose up'.", stops=False))
        findings += check_folders(self._written_to(plan), can_write)
        return findings + check_ports(
            team,
            port_free=running or port_is_free(team.address, team.port),
            grafana_free=running or port_is_free("127.0.0.1", team.grafana_port),
        )

    def _written_to(self, plan: Plan) -> dict[str, Path]:
        """The folders that this run writes to, by their options."""
        folders = {"--dir": self.folder, "--keys": plan.team.keys_dir}
        if plan.source.converted is None:
            folders["--models"] = plan.team.model_dir.parent
        if plan.source.repository is not None:
            folders["--checkpoints"] = plan.team.checkpoints
        return folders

    def _reconsider(self, plan: Plan, checkpoint: Path) -> None:
        """Check the memory of the GPUs by the checkpoint itself, where its shape was not known before it was here."""
        if plan.source.shape is None:
            shape = find_source(str(checkpoint)).shape
            self._refuse_or_note(check_gpus(plan.team, find_gpus(self.environment), shape, plan.kept))

    def _refuse_or_note(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            if not finding.stops:
                self.say(f"Note: {finding.text}")
        if reasons := [finding.text for finding in findings if finding.stops]:
            raise ComposeError("\n  ".join(("it would not run like this:", *reasons)))

    def _let_in(self, team: Team) -> NewKey | None:
        made = first_key(team, self.key_name)
        if team.monitoring:
            metrics_key(team, self.folder / METRICS_KEY)
        return made


@dataclass(frozen=True, slots=True)
class Made:
    """What ``init`` ended with."""

    team: Team
    key: NewKey | None
    """The first API key; None if there were keys already."""
