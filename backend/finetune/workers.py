"""Starts the workers of a job, watches them, and ends all of them when one fails or the parent is interrupted."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import IO, Self

from .job import Job
from .launcher import commands
from .work_folder import WorkFolder

_POLL = 0.2
_END_SECONDS = 20.0
"""That a worker gets to end by itself."""


class Workers:
    """The processes of a job; leaving the context ends them, whatever they do.

    Each is the leader of a session of its own: Ctrl+C at the terminal reaches the parent alone, which then ends them.
    """

    def __init__(self, job: Job, folder: WorkFolder, environment: Mapping[str, str]) -> None:
        self._job = job
        self._folder = folder
        self._environment = environment
        self._processes: list[subprocess.Popen[bytes]] = []
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        log = self._opened.enter_context(self._folder.log.open("ab"))
        # Nobody writes into this pipe. Its end tells the workers that we are gone, however we went.
        read, write = os.pipe()
        self._opened.callback(os.close, write)
        try:
            self._start(read, log)
        except OSError:
            self._end()
            raise
        finally:
            os.close(read)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def watch(self, heard: Callable[[], None]) -> list[int]:
        """Wait until all have ended, or one has failed; their exit statuses, those still running not among them.

        ``heard`` is called again and again meanwhile.
        """
        while True:
            statuses = [status for each in self._processes if (status := each.poll()) is not None]
            heard()
            if len(statuses) == len(self._processes) or any(statuses):
                return statuses
            time.sleep(_POLL)

    def _start(self, stdin: int, log: IO[bytes]) -> None:
        job = str(self._folder.job)
        for command, environment in commands(self._job, job, sys.executable, self._environment, free_port()):
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdin=stdin,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder.path,
                    start_new_session=True,
                )
            )

    def _end(self) -> None:
        with self._opened:
            for signal_number in (signal.SIGTERM, signal.SIGKILL):
                for each in self._processes:
                    with suppress(ProcessLookupError):
                        os.killpg(each.pid, signal_number)
                end = time.monotonic() + _END_SECONDS
                for each in self._processes:
                    with suppress(subprocess.TimeoutExpired):
                        each.wait(max(0.0, end - time.monotonic()))


def free_port() -> int:
    """A port of the loopback interface on which nothing listens at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
