"""Visual Studio Code's server part, with a fresh profile: what `code` on the command line is to a user."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from harness.editor_world import World

QUIET: Mapping[str, Any] = {
    # Nothing that speaks to the network, and nothing in front of the editor.
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "workbench.enableExperiments": False,
    # The browser draws the title itself, and has crashed on the dot of a file that is not saved.
    "window.title": "${rootName}",
    "workbench.startupEditor": "none",
    # Older versions ask in a dialog whether the folder is trusted; newer ones say in a banner that it is not.
    "security.workspace.trust.startupPrompt": "never",
    "workbench.tips.enabled": False,
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    # In a browser it saves after a second by itself.
    "files.autoSave": "off",
    # Menus of words would stand in front of what the tests look at; what is typed stays as it is typed.
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.wordBasedSuggestions": "off",
    "editor.suggestOnTriggerCharacters": False,
    "editor.parameterHints.enabled": False,
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.minimap.enabled": False,
}
"""Settings of the editor itself, none of ours."""
_LISTENING = re.compile(r"HTTP server listening on (http://127\.0\.0\.1:\d+)")


class CodeServer:
    """One profile of the editor. `install`, `start`, then open windows at `url`; use it in `with`.

    ``program`` is code-server's; ``settings`` go beside `QUIET` into the user's settings.json. Unless ``trusting`` is
    false every folder is trusted.
    """

    def __init__(
        self, program: Path, world: World, *, settings: Mapping[str, Any] | None = None, trusting: bool = True
    ) -> None:
        self.world = world
        self.url = ""
        self.profile = world.home / "vscode"
        self.log = world.home / "code-server.log"
        self.settings_file = self.profile / "data/User/settings.json"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        # An address without a gallery, so that no extension is looked up.
        self._env = world.env | {"EXTENSIONS_GALLERY": '{"serviceUrl": ""}'}
        # Before it starts: it does not notice here what others write into its settings later.
        self.settings_file.parent.mkdir(parents=True)
        trust = {"security.workspace.trust.enabled": not trusting}
        self.settings_file.write_text(json.dumps({**QUIET, **trust, **(settings or {})}, indent=2))

    def saved_settings(self) -> dict[str, Any]:
        """What stands in the user's settings.json, whoever wrote it."""
        settings: dict[str, Any] = json.loads(self.settings_file.read_text())
        return settings

    def install(self, vsix: Path) -> str:
        """Install an extension as `code --install-extension` does; what it said. Raises AssertionError."""
        ran = subprocess.run(
            [self._program, *self._places(), "--install-extension", vsix],
            env=self._env,
            cwd=self.world.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, f"exit {ran.returncode}: {ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def start(self) -> Self:
        """Listen on loopback, on a port that is free."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    *self._places(),
                    *("--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry"),
                    *("--disable-update-check", "--disable-getting-started-override"),
                ],
                env=self._env,
                cwd=self.world.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own group: it ends as a whole, by its number.
                start_new_session=True,
            )
        self.world.wait(self._listens, "code-server to listen", 60)
        return self

    def stop(self) -> None:
        """End it with all its windows' extension hosts."""
        process, self._process = self._process, None
        if not process:
            return
        for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            if process.poll() is None:
                os.killpg(process.pid, number)
                deadline = time.monotonic() + seconds
                while process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)

    def _places(self) -> list[str | Path]:
        return ["--user-data-dir", self.profile / "data", "--extensions-dir", self.profile / "extensions"]

    def _listens(self) -> bool:
        said = self.log.read_text(errors="replace")
        assert self._process
        assert self._process.poll() is None, said
        if found := _LISTENING.search(said):
            self.url = found[1]
        return bool(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
