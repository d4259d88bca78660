"""Processes that outlive us: started detached, looked at by pid, and ended for certain."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

POLL = 0.05


class Detached:
    """A program in a session of its own, which neither our end nor our terminal ends."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=_DETACHED,
            )
        finally:
            os.close(descriptor)
        assert self._process.stdin is not None
        self._input = self._process.stdin
        # Somebody must take its exit status, or a dead child would count as running for as long as we do.
        threading.Thread(target=self._process.wait, name="backend-reaper", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.returncode

    def send(self, line: str) -> None:
        """Write one line to its standard input and close that; a program that has ended does not mind."""
        with suppress(OSError):
            self._input.write(f"{line}\n".encode())
        self.close_input()

    def close_input(self) -> None:
        """Close its standard input, which tells it that no line will come."""
        with suppress(OSError):
            self._input.close()

    def kill(self) -> None:
        """End it, and what it may have started, at once."""
        self.close_input()
        if self.exit_status is None:
            with suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self.pid, signal.SIGKILL)
                else:
                    self._process.kill()


def is_running(pid: int) -> bool:
    """Whether a process with this pid runs; one that has ended but was not yet waited for does not."""
    if sys.platform == "win32":
        return _is_running_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return _state(pid) != "Z"


async def command_line(pid: int) -> str:
    """What a process was started with, as one line; empty where that can't be told."""
    if sys.platform == "win32":
        return ""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if sys.platform == "linux":
            return ""
    ps = await asyncio.create_subprocess_exec(
        "/bin/ps", "-ww", "-o", "command=", "-p", str(pid), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = await ps.communicate()
    return output.decode(errors="replace").strip()


async def end(pid: int, *, patience: float) -> bool:
    """Ask a process to end, make it after ``patience`` seconds, and wait until it is gone.

    Returns whether it is. The caller has made sure that the pid is the right process's.
    """
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(OSError):
            os.kill(pid, number)
        if await gone(pid, patience=patience):
            return True
    return False


async def gone(pid: int, *, patience: float) -> bool:
    """Wait until a process has ended, at most ``patience`` seconds; return whether it has."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while is_running(pid):
                await asyncio.sleep(POLL)
            return True
    return False


def _state(pid: int) -> str:
    """One letter for what a process does, Z for a zombie, where the kernel tells."""
    try:
        # The name before it is in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


if sys.platform == "win32":
    import ctypes

    _DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP

    def _is_running_windows(pid: int) -> bool:
        # os.kill(pid, 0) would end the process here.
        synchronize, wait_timeout = 0x00100000, 0x102
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(synchronize, False, pid)  # noqa: FBT003
        if not handle:
            return False
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) == wait_timeout)
        finally:
            kernel.CloseHandle(handle)
else:
    _DETACHED = 0
