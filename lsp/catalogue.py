"""What the backend's program says of the models that it knows."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pilotfish.lsp.short_run import running

LIST_TIMEOUT = 15.0
MAX_LIST = 1 << 20


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that the program knows."""

    name: str
    present: bool
    """Whether it is on this machine."""
    size: int | None = None
    """Bytes, where known."""
    licence: str = ""


async def list_models(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float = LIST_TIMEOUT
) -> list[CatalogueModel]:
    """Ask the program for its models; empty when it does not answer properly in time."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(timeout):
            async with running([*command, "models", "--json"], env=env, cwd=cwd, errors=False) as process:
                output = b""
                while len(output) < MAX_LIST and (part := await process.output.read(MAX_LIST)):
                    output += part
                return parse_models(output)
    return []


def parse_models(output: bytes) -> list[CatalogueModel]:
    """Read the program's JSON; what is odd is passed over."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        return []
    entries = answer.get("models") if isinstance(answer, dict) else answer
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            size, licence = entry.get("size"), entry.get("licence")
            found.append(
                CatalogueModel(
                    entry["name"],
                    present=entry.get("present") is True,
                    size=size if isinstance(size, int) else None,
                    licence=licence if isinstance(licence, str) else "",
                )
            )
    return found
