"""The settings in force: the layers of one session and what they merge to."""

from collections.abc import Mapping
from pathlib import Path

from pilotfish.lsp.settings import Settings
from pilotfish.lsp.settings_layers import Layer, Problem, load
from pilotfish.lsp.settings_sources import (
    collect,
    configuration_layer,
    initialization_layer,
    user_config_path,
)


class Configuration:
    """Gathers the layers again whenever one changes. Problems are handed out once each."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.settings = Settings()
        self.workspace: Path | None = None
        self._environ = environ
        self._initialization = Layer(initialization_layer(None).origin, {})
        self._pushed: Layer | None = None
        self._problems: list[Problem] = []
        self._reported: set[Problem] = set()

    def initialize(self, workspace: Path | None, options: object) -> None:
        """Take the workspace's root and the client's initializationOptions."""
        self.workspace = workspace
        self._initialization = initialization_layer(options)
        self.reread()

    def pushed(self, settings: object) -> None:
        """Take what ``workspace/didChangeConfiguration`` or ``workspace/configuration`` brought."""
        self._pushed = configuration_layer(settings)
        self.reread()

    def reread(self) -> None:
        """Read the files anew and merge."""
        editor = [self._initialization] if self._pushed is None else [self._initialization, self._pushed]
        layers, unreadable = collect(
            user_file=user_config_path(self._environ),
            workspace=self.workspace,
            environ=self._environ,
            editor=editor,
        )
        self.settings, problems = load(layers)
        self._problems = [*unreadable, *problems, *_unreadable_globs(self.settings)]

    def fresh_problems(self) -> list[Problem]:
        """What is wrong in the configuration and was not handed out before."""
        fresh = [problem for problem in self._problems if problem not in self._reported]
        self._reported.update(fresh)
        return fresh


def _unreadable_globs(settings: Settings) -> list[Problem]:
    if not settings.exclude:
        return []
    from pilotfish.lsp.exclusion import unreadable_globs

    return [
        Problem("exclude", f"{glob!r} is not a glob and has no effect")
        for glob in unreadable_globs(settings.exclude)
    ]
