"""Finds the local backend that runs, or is on its way, and makes sure that it is ours before anything is done to it."""

import asyncio
import time
from dataclasses import dataclass

from pilotfish.lsp import processes
from pilotfish.lsp.local_health import Health, health_of
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.statefile import Places, Record, read_record, read_starting

POLL = 0.05


@dataclass(frozen=True, slots=True)
class LocalBackend:
    """A local backend that answered as itself."""

    url: str
    api_key: Secret
    model: str
    pid: int
    version: str
    instance_id: str
    health: Health


class Lookout:
    """Looks at one backend's files and at the process that they name."""

    def __init__(self, places: Places, *, start_timeout: float, patience: float) -> None:
        """Look at these files; a process of ours that does not answer gets ``patience`` seconds (see ``Recipe``)."""
        self._places = places
        self._patience = patience
        self._start_timeout = start_timeout

    async def find(self) -> LocalBackend | None:
        """The recorded backend, if its process is there and answers with the record's instance id."""
        record = read_record(self._places.record)
        if record is None or not processes.is_running(record.pid):
            return None
        health = await health_of(record)
        return None if health is None else _backend(record, health)

    async def find_patiently(self) -> LocalBackend | None:
        """The same, but a process of ours that does not answer at once gets some time."""
        until = time.monotonic() + self._patience
        while (found := await self.find()) is None:
            record = read_record(self._places.record)
            if record is None or time.monotonic() >= until or not await self._is_ours(record.pid):
                return None
            await asyncio.sleep(POLL)
        return found

    async def silent(self) -> bool:
        """Whether the recorded process is ours, whatever it answers."""
        record = read_record(self._places.record)
        return record is not None and await self._is_ours(record.pid)

    async def starting(self) -> int | None:
        """The pid of a backend that was started and has no record yet."""
        starting = read_starting(self._places.starting)
        if starting is None or not 0 <= time.time() - starting.since <= self._start_timeout:
            return None
        return starting.pid if await self._is_ours(starting.pid) else None

    async def ours(self) -> set[int]:
        """The pids of all processes that may be ended as this backend.

        Never by a number alone, which may be somebody else's by now: a process proves itself by its command line,
        which names our record (even when it hangs), or by its answer to ``/health``.
        """
        pids = {pid for pid in (await self.starting(),) if pid is not None}
        record = read_record(self._places.record)
        if (
            record is not None
            and processes.is_running(record.pid)
            and (await self._is_ours(record.pid) or await health_of(record) is not None)
        ):
            pids.add(record.pid)
        return pids

    async def _is_ours(self, pid: int) -> bool:
        """Whether a process was started with our record's path, as nothing else is."""
        return processes.is_running(pid) and str(self._places.record) in await processes.command_line(pid)


def _backend(record: Record, health: Health) -> LocalBackend:
    return LocalBackend(
        url=record.url,
        api_key=record.api_key,
        model=health.model or record.model,
        pid=record.pid,
        version=health.version or record.version,
        instance_id=record.instance_id,
        health=health,
    )
