"""`compose up`, `down`, `status`, `logs`: a team backend that was made, started and watched."""

import http.client
import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .access import count_keys
from .checks import Finding, check_access, check_gpus, check_ports
from .docker import Docker
from .errors import ComposeError
from .machine import find_gpus, port_is_free
from .repository import refuse_broken
from .team import Team

_HEALTH_SECONDS = 5.0
_INTERRUPTED = 130
"""Compose's exit status after Ctrl+C."""


@dataclass(frozen=True, slots=True)
class Container:
    """One of a team backend's, as Compose tells of it."""

    service: str
    state: str
    """running, exited, …"""
    health: str = ""
    """healthy, unhealthy, starting, or nothing."""
    exit_code: int = 0


def up(docker: Docker, team: Team, *, build: bool, seconds: int) -> int:
    """Start everything and wait until the proxy serves.

    Raises ``ComposeError``, also for a model or settings that can't be right.
    """
    if reasons := [finding.text for finding in _findings(docker, team) if finding.stops]:
        raise ComposeError("\n  ".join(("not started:", *reasons)))
    refuse_broken(team.model_dir)
    status = docker.compose(
        *("up", "--detach", "--remove-orphans", "--wait", "--wait-timeout", str(seconds)),
        *(("--build",) if build else ()),
    )
    if status == _INTERRUPTED:
        print("Stopped waiting. What was started goes on: compose status, compose down", file=sys.stderr)
        return status
    if status:
        print("It did not come up. What it says: pilotfish-backend compose logs", file=sys.stderr)
        return status
    print(f"Pilotfish serves {team.model} at {team.url}")
    return 0


def down(docker: Docker) -> int:
    """Stop and remove the containers, those of other profiles too; models, keys and metrics stay."""
    return docker.compose("--profile", "*", "down", "--remove-orphans")


def logs(docker: Docker, services: Sequence[str], *, follow: bool, tail: int | None) -> int:
    """Show what the services said; ``triton`` means whichever Triton runs."""
    chosen = [name for service in services for name in _named(docker, service)]
    options = (*(("--follow",) if follow else ()), *(("--tail", str(tail)) if tail is not None else ()))
    return docker.compose("logs", *options, *chosen)


def status(docker: Docker, team: Team) -> int:
    """Print every container's state and what the API says of itself; 0 if it serves."""
    found = containers(docker)
    for container in found:
        code = f" ({container.exit_code})" if container.state == "exited" else ""
        print(f"{container.service:<24} {container.state}{code} {container.health}".rstrip())
    if not found:
        print("Nothing is running. Start it: pilotfish-backend compose up")
    health = ask_health(team.url)
    if health is None:
        print(f"{team.url} does not answer.")
        return 1
    state, detail = health.get("state", "?"), health.get("detail")
    print(f"{team.url} {state}: {health.get('model', team.model)}{f' ({detail})' if detail else ''}")
    return 0 if state == "ready" else 1


def containers(docker: Docker) -> list[Container]:
    """All containers of the team backend, ended ones too."""
    return parse_containers(docker.compose_output("ps", "--all", "--format", "json"))


def parse_containers(text: str) -> list[Container]:
    """What ``docker compose ps --format json`` means: an object a line, or in older versions one list.

    Raises ``ComposeError``.
    """
    try:
        rows: list[Any] = [row for line in text.splitlines() if line.strip() for row in _rows(line)]
        return sorted(
            (
                Container(
                    row["Service"], row["State"], row.get("Health") or "", int(row.get("ExitCode") or 0)
                )
                for row in rows
            ),
            key=lambda container: container.service,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ComposeError(f"docker compose ps says something unknown: {error}") from error


def ask_health(url: str) -> dict[str, Any] | None:
    """What ``/health`` says; None if nobody answers. A certificate is not checked: nothing secret is sent."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 (see above)
        connection = http.client.HTTPSConnection(host, port, timeout=_HEALTH_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/health")
        body = json.loads(connection.getresponse().read(1 << 16))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return body if isinstance(body, dict) else None


def _findings(docker: Docker, team: Team) -> list[Finding]:
    gpus = find_gpus(docker.environment)
    own = any(container.state == "running" for container in containers(docker))
    return [
        *check_access(team, keys=count_keys(team)),
        *check_gpus(team, gpus, None, ""),
        *check_ports(
            team,
            port_free=own or port_is_free(team.address, team.port),
            grafana_free=own or port_is_free("127.0.0.1", team.grafana_port),
        ),
    ]


def _named(docker: Docker, service: str) -> list[str]:
    if service != "triton":
        return [service]
    return [
        name for name in docker.compose_output("config", "--services").split() if name.startswith("triton")
    ]


def _rows(line: str) -> list[Any]:
    parsed = json.loads(line)
    return parsed if isinstance(parsed, list) else [parsed]
