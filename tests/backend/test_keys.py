"""API keys: the file, its live reading, the commands."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import isolated
from harness.programs import backend
from pilotfish.backend.proxy import keys
from pilotfish.backend.proxy.auth import Authenticator, Client
from pilotfish.backend.proxy.errors import Unauthorized
from pilotfish.backend.proxy.keys import KeyFileError
from pilotfish.backend.proxy.settings import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys.json"


def shown(key: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{scheme} {key}"}


def check_unknown(authenticator: Authenticator, headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as refused:
        authenticator.client(headers)
    assert refused.value.code == "invalid_api_key"
    assert refused.value.headers["www-authenticate"] == "Bearer"


def test_the_file_holds_no_key(file: Path) -> None:
    """A name and a hash, readable by the owner only; the key is long and random."""
    key, other = keys.add(file, "ann"), keys.add(file, "bob")
    assert key != other
    assert len(key) > 40
    text = file.read_text()
    assert key not in text
    assert key.removeprefix(keys.PREFIX) not in text
    assert [record.name for record in keys.load(file)] == ["ann", "bob"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {entry.name for entry in file.parent.iterdir()} <= {"keys.json", "keys.json.lock"}


def test_names_are_unique_and_plain(file: Path) -> None:
    """A name can be revoked only if it is one."""
    keys.add(file, "ann")
    for name in ("ann", "", "a b", "../x", "x" * 65, "new\nline"):
        with pytest.raises(KeyFileError):
            keys.add(file, name)
    with pytest.raises(KeyFileError, match="no key named bob"):
        keys.revoke(file, "bob")


def test_keys_are_told_apart(file: Path) -> None:
    """The client is the key's name, with its limits."""
    ann, bob = keys.add(file, "ann"), keys.add(file, "bob", rate=30, concurrency=2)
    authenticator = Authenticator(Settings(api_key_file=file))
    assert authenticator.client(shown(ann)) == Client("ann")
    assert authenticator.client(shown(bob, "bearer")) == Client("bob", rate=30, concurrency=2)
    assert authenticator.client(shown(bob, "token")).name == "bob"


def test_what_is_no_key_is_refused(file: Path) -> None:
    """None, an empty one, another scheme, almost a key."""
    key = keys.add(file, "ann")
    authenticator = Authenticator(Settings(api_key_file=file))
    for headers in ({}, shown(""), shown(key, "Basic"), shown(key[:-1]), shown(key + "x"), shown("ümläut")):
        check_unknown(authenticator, headers)


def test_changes_count_at_once(file: Path) -> None:
    """A key that is added or revoked works, or not, from the next request on."""
    first = keys.add(file, "first")
    authenticator = Authenticator(Settings(api_key_file=file))
    authenticator.client(shown(first))
    second = keys.add(file, "second")
    assert authenticator.client(shown(second)).name == "second"
    keys.revoke(file, "first")
    check_unknown(authenticator, shown(first))
    authenticator.client(shown(second))


def test_a_broken_file_changes_nothing_and_a_lost_one_shuts(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys that were read stay valid while the file is no key file; without a file there are no keys."""
    key = keys.add(file, "ann")
    authenticator = Authenticator(Settings(api_key_file=file))
    authenticator.client(shown(key))
    file.write_text("{")
    authenticator.client(shown(key))
    authenticator.client(shown(key))
    assert len(caplog.records) == 1, "said once, not for each request"
    file.unlink()
    check_unknown(authenticator, shown(key))


def test_the_key_handed_over_at_start(file: Path) -> None:
    """It works beside the file's keys, and shows in no repr."""
    named = keys.add(file, "ann")
    settings = Settings(api_key="handed-over-key-1234", api_key_file=file)
    authenticator = Authenticator(settings)
    assert authenticator.client(shown("handed-over-key-1234")).name == "launcher"
    assert authenticator.client(shown(named)).name == "ann"
    assert "handed-over" not in repr(settings)


def test_many_processes_change_the_file(file: Path) -> None:
    """None of their keys is lost."""
    program = (
        "import sys; from pathlib import Path; from pilotfish.backend.proxy import keys;"
        "[keys.add(Path(sys.argv[1]), f'{sys.argv[2]}-{i}') for i in range(5)]"
    )
    started = [
        subprocess.Popen([sys.executable, "-P", "-c", program, str(file), name]) for name in ("a", "b", "c")
    ]
    assert [process.wait(30) for process in started] == [0, 0, 0]
    assert len(keys.load(file)) == 15


def test_a_writer_that_was_killed_blocks_nobody(file: Path) -> None:
    """The lock goes with its process, the file is the old one."""
    keys.add(file, "ann")
    program = (
        "import os, signal, sys; from pathlib import Path; from pilotfish.backend.proxy import keys;\n"
        "with keys._changing(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-P", "-c", program, str(file)], check=False, timeout=30)
    assert killed.returncode != 0
    keys.add(file, "bob")
    assert [record.name for record in keys.load(file)] == ["ann", "bob"]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*backend(), "keys", *arguments],
        env=isolated(home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_keys_commands(tmp_path: Path) -> None:
    """Add prints the key alone on stdout; list shows names and limits; revoke forgets."""
    assert "no keys" in run(tmp_path, "list").stderr
    added = run(tmp_path, "add", "ann", "--rate", "60", "--concurrency", "4")
    key = added.stdout.strip()
    assert key.startswith(keys.PREFIX)
    assert key not in added.stderr
    (line,) = run(tmp_path, "list").stdout.splitlines()
    assert line.startswith("ann ")
    assert line.endswith("60 a minute, 4 at once")
    again = run(tmp_path, "add", "ann")
    assert (again.returncode, again.stdout) == (2, "")
    assert "already" in again.stderr
    assert run(tmp_path, "revoke", "ann").returncode == 0
    assert run(tmp_path, "list").stdout == ""
    assert run(tmp_path, "revoke", "ann").returncode == 2


def test_keys_commands_with_a_file_of_ones_own(tmp_path: Path) -> None:
    """--api-key-file names another file than the default one; one that is no key file is left alone."""
    file = tmp_path / "own.json"
    assert run(tmp_path, "add", "ann", "--api-key-file", str(file)).returncode == 0
    assert [record.name for record in keys.load(file)] == ["ann"]
    file.write_text(json.dumps({"something": "else"}))
    refused = run(tmp_path, "add", "bob", "--api-key-file", str(file))
    assert refused.returncode == 2
    assert "is not a key file" in refused.stderr
    assert json.loads(file.read_text()) == {"something": "else"}


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """The error names the file that can't be written."""
    (tmp_path / "folder").write_text("is a file")
    with pytest.raises(KeyFileError, match=r"keys\.json"):
        keys.add(tmp_path / "folder" / "keys.json", "ann")
