"""`pilotfish doctor`: what it finds in front of good and bad backends, and that it says what to do."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from harness.environment import isolated
from harness.local_backend import TINY, LocalBackends
from harness.processes import MockBackend, free_port
from harness.programs import language_server
from pilotfish.lsp import setup
from pilotfish.lsp.doctor import examine
from pilotfish.lsp.doctor_editors import EDITORS, check_editors, hint
from pilotfish.lsp.findings import Finding, Verdict, as_text, note, ok, warning
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.local import STATE_DIRECTORY

KEY = "sk-never-to-be-seen"


@dataclass
class Report:
    """What a run of the program said."""

    status: int
    output: str
    findings: list[Finding]

    def of(self, topic: str) -> Finding:
        """The one finding about a topic."""
        (finding,) = [finding for finding in self.findings if finding.topic == topic]
        return finding

    @property
    def failures(self) -> list[str]:
        """The topics that failed."""
        return [finding.topic for finding in self.findings if finding.verdict == Verdict.FAILURE]


Doctor = Callable[..., Report]


@pytest.fixture
def doctor(tmp_path: Path, workspace: Path) -> Doctor:
    """Runs the program in an empty workspace, with settings as environment variables."""

    def run(**variables: str) -> Report:
        done = subprocess.run(
            [*language_server(), "doctor", "--json"],
            env=isolated(tmp_path / "home", **variables),
            cwd=workspace,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == ""
        report = json.loads(done.stdout)
        assert report["ok"] == (done.returncode == 0)
        findings = [Finding(**{**each, "verdict": Verdict(each["verdict"])}) for each in report["findings"]]
        assert all(finding.advice for finding in findings if finding.verdict in {"failure", "warning"})
        return Report(done.returncode, done.stdout, findings)

    return run


# -- a remote backend --------------------------------------------------------------------------------------------------


def test_a_good_remote_backend(doctor: Doctor, mock: MockBackend) -> None:
    """Everything down to a token is looked at, nothing fails, and the key is used and not shown."""
    mock.configure(api_key=KEY)
    report = doctor(PILOTFISH_BACKEND_URL=f"{mock.url}/v1", PILOTFISH_BACKEND_API_KEY=KEY)
    assert (report.status, report.failures) == (0, [])
    for topic in ("Python", "Pilotfish", "backend", "key", "connection", "health", "model", "completion"):
        assert report.of(topic).verdict == Verdict.OK, topic
    assert mock.url in report.of("backend").found
    assert (
        "mock-model (4096 tokens of context, no fill-in-the-middle, device gpu)" in report.of("model").found
    )
    (call,) = mock.completions()
    assert call.body["max_tokens"] == 1
    assert KEY not in report.output
    assert "PILOTFISH_BACKEND_API_KEY" in report.output


@pytest.mark.parametrize("variables", [{}, {"PILOTFISH_BACKEND_API_KEY": KEY}])
def test_a_key_that_is_missing_or_wrong(doctor: Doctor, mock: MockBackend, variables: dict[str, str]) -> None:
    """The setting is named, the key is not shown."""
    mock.configure(api_key="sk-another")
    report = doctor(PILOTFISH_BACKEND_URL=mock.url, **variables)
    assert (report.status, report.failures) == (1, ["key"])
    (failure,) = [finding for finding in report.findings if finding.verdict == Verdict.FAILURE]
    assert "backend.api_key" in failure.advice
    assert KEY not in report.output


def test_a_key_command_that_fails(doctor: Doctor, mock: MockBackend) -> None:
    """It is named, and nothing of what it printed."""
    command = json.dumps(["sh", "-c", f"echo {KEY}; exit 3"])
    report = doctor(PILOTFISH_BACKEND_URL=mock.url, PILOTFISH_BACKEND_API_KEY_COMMAND=command)
    assert report.failures == ["settings"]
    assert "backend.api_key_command failed (status 3)" in report.of("settings").found
    assert KEY not in report.output


def test_nobody_listens(doctor: Doctor) -> None:
    """A refused connection asks for the server and the URL; a password in that is not shown."""
    report = doctor(PILOTFISH_BACKEND_URL=f"http://me:{KEY}@127.0.0.1:{free_port()}")
    assert (report.status, report.failures) == (1, ["connection"])
    assert "backend.url" in report.of("connection").advice
    assert KEY not in report.output


def test_a_model_that_is_not_there(doctor: Doctor, mock: MockBackend) -> None:
    """The models that there are, in the advice."""
    report = doctor(PILOTFISH_BACKEND_URL=mock.url, PILOTFISH_BACKEND_MODEL="salmon")
    assert report.failures == ["model"]
    assert "salmon" in report.of("model").found
    assert report.of("model").advice == "set backend.model to one of mock-model"


@pytest.mark.parametrize(
    ("behaviour", "topic"),
    [
        ({"status": 500}, "connection"),
        ({"status": 503}, "load"),
        ({"status": 400}, "protocol"),
        ({"fault": "empty"}, "protocol"),
    ],
)
def test_a_backend_that_lists_models_and_cannot_complete(
    doctor: Doctor, mock: MockBackend, behaviour: dict[str, object], topic: str
) -> None:
    """A token is really asked for."""
    mock.configure(**behaviour, limits=False)
    report = doctor(PILOTFISH_BACKEND_URL=mock.url)
    failures = [finding for finding in report.findings if finding.verdict == Verdict.FAILURE]
    assert [finding.topic for finding in failures] == [topic]
    assert report.of("model").verdict == Verdict.OK


def test_a_backend_that_is_not_well_is_a_warning(doctor: Doctor, mock: MockBackend) -> None:
    """As long as it completes."""
    mock.configure(health=503)
    report = doctor(PILOTFISH_BACKEND_URL=mock.url)
    assert report.status == 0
    assert report.of("health").verdict == Verdict.WARNING


def test_no_openai_server_at_all(doctor: Doctor, mock: MockBackend) -> None:
    """An address that answers with something else."""
    report = doctor(PILOTFISH_BACKEND_URL=f"{mock.url}/elsewhere")
    assert report.failures == ["protocol"]
    assert "backend.url" in report.of("protocol").advice


def test_a_private_authority(doctor: Doctor, tmp_path: Path) -> None:
    """Not trusted: `backend.ca_file` is the advice; with it, all is well, and it is named."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    with MockBackend(tls=(tmp_path / "cert.pem", tmp_path / "key.pem")) as mock:
        report = doctor(PILOTFISH_BACKEND_URL=mock.url)
        assert report.failures == ["connection"]
        assert "is not trusted" in report.of("connection").found
        assert "backend.ca_file" in report.of("connection").advice
        report = doctor(PILOTFISH_BACKEND_URL=mock.url, PILOTFISH_BACKEND_CA_FILE=str(tmp_path / "ca.pem"))
        assert report.failures == []
        assert "backend.ca_file" in report.of("connection").found
        report = doctor(PILOTFISH_BACKEND_URL=mock.url, PILOTFISH_BACKEND_CA_FILE=str(tmp_path / "no.pem"))
        assert report.failures == ["settings"]
        assert "backend.ca_file can't be used" in report.of("settings").found


@pytest.mark.parametrize(
    ("host", "bypass", "used"),
    [("127.0.0.1", "", False), ("tuna.test", "", True), ("tuna.test", "tuna.test", False)],
)
def test_a_proxy_in_the_environment(doctor: Doctor, host: str, bypass: str, *, used: bool) -> None:
    """It is named without its password, and whether it is used; never for loopback."""
    port = free_port()
    report = doctor(
        PILOTFISH_BACKEND_URL=f"http://{host}:{port}",
        http_proxy=f"http://me:{KEY}@127.0.0.1:{port}",
        no_proxy=bypass,
    )
    assert report.of("HTTP proxy").found == (
        f"the environment names 127.0.0.1:{port}, which is {'used' if used else 'not used'} for this URL"
    )
    assert [finding.topic for finding in report.findings if finding.topic == "TLS"] == ["TLS"] * (
        host != "127.0.0.1"
    )
    assert KEY not in report.output


# -- configuration -----------------------------------------------------------------------------------------------------


def test_what_is_wrong_in_the_configuration(doctor: Doctor, mock: MockBackend, workspace: Path) -> None:
    """Every problem by its setting's name: a warning, since the rest is in force."""
    (workspace / ".pilotfish.toml").write_text(
        '[completion]\nmax_lines = "x"\nnonsense = 1\n[backend]\nurl = "http://127.0.0.1:1"\n'
    )
    report = doctor(PILOTFISH_BACKEND_URL=mock.url)
    found = [finding.found for finding in report.findings if finding.verdict == Verdict.WARNING]
    assert report.status == 0
    assert [line.partition(":")[0] for line in found if "pilotfish.toml" in line] == [
        "completion.max_lines",
        "completion.nonsense",
        "backend.url",
    ]


def test_a_file_that_is_no_toml_fails(doctor: Doctor, mock: MockBackend, workspace: Path) -> None:
    """Nothing in it is in force, which nobody can have wanted; its text is not shown."""
    (workspace / ".pilotfish.toml").write_text(f'api_key = "{KEY}')
    report = doctor(PILOTFISH_BACKEND_URL=mock.url)
    assert (report.status, report.failures) == (1, ["configuration"])
    assert KEY not in report.output


def test_a_url_that_is_none(doctor: Doctor) -> None:
    """The setting is reported, its value not, and what is checked is what would be used."""
    report = doctor(PILOTFISH_BACKEND_URL=f"ftp://me:{KEY}@host")
    assert any(finding.found.startswith("backend.url:") for finding in report.findings)
    assert "the local one" in report.of("backend").found
    assert KEY not in report.output


# -- the local backend -------------------------------------------------------------------------------------------------


@pytest.fixture
def backends(backends: LocalBackends) -> LocalBackends:
    """Which list the model."""
    backends.behave(models=[TINY])
    return backends


async def examined(backends: LocalBackends, workspace: Path, **variables: str) -> Report:
    """Examine in this process, with a stand-in for the backend's program."""

    def launch(recipe: Recipe) -> Launcher:
        assert recipe.workspace == workspace
        return Launcher(
            replace(recipe, command=backends.command, logs=backends.folder / "logs", patience=0.3)
        )

    fixed = {"PILOTFISH_BACKEND_MODEL": "tiny", STATE_DIRECTORY: str(backends.state)}
    # The user's own configuration is found by the process's environment, which is not the test's to change.
    fixed["PILOTFISH_CONFIG"] = str(backends.folder / "config.toml")
    environment = isolated(backends.folder / "home", **{**fixed, **variables})
    findings = [finding async for finding in examine(environment, workspace, launch=launch)]
    return Report(0, as_text(findings), findings)


async def test_a_local_backend_that_does_not_run(backends: LocalBackends, workspace: Path) -> None:
    """Nothing is wrong, and nothing is started."""
    report = await examined(backends, workspace)
    assert report.failures == []
    assert "tiny (98 MB, licence Apache-2.0) is here" in report.of("model").found
    assert "does not run" in report.of("local backend").found
    assert report.of("state folder").verdict == report.of("log folder").verdict == Verdict.OK
    assert backends.starts == []


async def test_a_model_that_is_not_here(backends: LocalBackends, workspace: Path) -> None:
    """The exact command that downloads it."""
    backends.behave(models=[{**TINY, "present": False}])
    report = await examined(backends, workspace)
    assert report.failures == ["model"]
    assert report.of("model").advice == f"download it: {' '.join(backends.command)} pull tiny"


async def test_a_model_that_nobody_knows(backends: LocalBackends, workspace: Path) -> None:
    """By name: those that there are; by path: that there is no such file."""
    report = await examined(backends, workspace, PILOTFISH_BACKEND_MODEL="salmon")
    assert "tiny" in report.of("model").advice
    report = await examined(backends, workspace, PILOTFISH_BACKEND_MODEL="/nowhere/salmon.gguf")
    assert report.failures == ["model"]
    assert "/nowhere/salmon.gguf" in report.of("model").found


async def test_a_local_backend_that_runs(backends: LocalBackends, workspace: Path) -> None:
    """Who it is, and a token of it, with the key of its state file."""
    found = await backends.launcher().ensure()
    report = await examined(backends, workspace)
    assert report.failures == []
    assert f"process {found.pid}" in report.of("local backend").found
    assert report.of("completion").verdict == Verdict.OK
    assert found.api_key.reveal() not in report.output


async def test_a_local_backend_that_was_stopped(backends: LocalBackends, workspace: Path) -> None:
    """The command that starts it again."""
    await backends.launcher().stop()
    report = await examined(backends, workspace)
    assert report.of("local backend").verdict == Verdict.WARNING
    assert "pilotfish.backend.start" in report.of("local backend").advice


async def test_a_local_backend_that_crashed_or_hangs(backends: LocalBackends, workspace: Path) -> None:
    """Its log, in both cases."""
    found = await backends.launcher().ensure()
    os.kill(found.pid, signal.SIGSTOP)
    hanging = await examined(backends, workspace)
    os.kill(found.pid, signal.SIGKILL)
    crashed = await examined(backends, workspace)
    assert hanging.failures == ["local backend"]
    assert crashed.of("local backend").verdict == Verdict.WARNING
    for report in (hanging, crashed):
        assert str(backends.launcher().log_path) in report.of("local backend").advice


async def test_a_state_folder_that_cannot_be(backends: LocalBackends, workspace: Path) -> None:
    """A file where the folder should be: which one is said."""
    backends.state.write_text("")
    report = await examined(backends, workspace)
    assert report.failures == ["local backend"]
    assert str(backends.state) in report.of("local backend").found


# -- editors and rendering ---------------------------------------------------------------------------------------------


async def test_editors_on_the_path_are_notes(tmp_path: Path, workspace: Path) -> None:
    """With their version and what they need; programs of the workspace are not run."""
    for folder, version in ((tmp_path / "bin", "NVIM v0.11.4"), (workspace, "NVIM v9.9.9")):
        folder.mkdir(exist_ok=True)
        program = folder / "nvim"
        program.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho '{version}'\n")
        program.chmod(0o755)
    environment: Mapping[str, str] = {"PATH": f"{workspace}:{tmp_path / 'bin'}:/bin"}
    (neovim, *_) = [finding async for finding in check_editors(environment, workspace=workspace)]
    assert neovim.verdict is Verdict.NOTE
    assert neovim.found.startswith("0.11.4 ")
    assert "pilotfish setup neovim" in neovim.advice
    assert (tmp_path / "bin" / "ran").exists()
    assert not (workspace / "ran").exists()


def test_what_an_editor_needs_depends_on_its_version() -> None:
    """Our Neovim plugin needs 0.10; a version that is not known counts as new."""
    neovim = EDITORS[0]
    assert hint(neovim, "0.9.5") == neovim.before
    assert hint(neovim, "0.10.0") == hint(neovim, "") == neovim.needs


def test_hints_name_what_pilotfish_setup_knows() -> None:
    """Every editor's hint has a command that exists, and every editor that can be set up is looked for."""
    hints = " ".join(f"{editor.needs} {editor.before}" for editor in EDITORS)
    assert set(re.findall(r"pilotfish setup ([a-z-]+)", hints)) == {editor.name for editor in setup.EDITORS}


def test_the_report_reads_well_without_colours() -> None:
    """Columns, advice below what was found, commands whole, and a count at the end."""
    long = "word " * 30
    text = as_text(
        [ok("Python", "3.12"), note("x", long), warning("model", "none", "run " + "/long/path" * 12)]
    )
    assert text.splitlines()[0] == "ok       Python  3.12"
    assert "                 → run\n                   " + "/long/path" * 12 in text
    assert max(map(len, text.splitlines()[:3])) <= 100
    assert text.endswith("\n\n1 warning\n")
    assert as_text([ok("Python", "3.12")]).endswith("Everything is in order.\n")


def test_the_text_is_what_a_terminal_gets(tmp_path: Path, workspace: Path, mock: MockBackend) -> None:
    """Without --json the same findings, one line each, and the exit status."""
    done = subprocess.run(
        [*language_server(), "doctor"],
        env=isolated(tmp_path / "home", PILOTFISH_BACKEND_URL=mock.url),
        cwd=workspace,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "completion" in done.stdout
