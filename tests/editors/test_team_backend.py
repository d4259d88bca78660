"""The team's backend that editors are tested against: its key, its count, its version."""

from pathlib import Path

import httpx
import pytest

from harness.team_backend import OLDER, TeamBackend
from pilotfish.lsp.version import VERSION


@pytest.mark.parametrize("older", [False, True])
def test_serves_who_has_the_key(tmp_path: Path, *, older: bool) -> None:
    """Requests count, those with a wrong key too; the version is ours, or an older one when that is wanted."""
    with TeamBackend(tmp_path, older=older) as team:
        assert httpx.get(f"{team.url}/health").json()["version"] == (OLDER if older else VERSION)
        body = {"prompt": "def add(a, b):\n    return", "max_tokens": 4}
        asked = {
            key: httpx.post(
                f"{team.url}/v1/completions", json=body, headers={"Authorization": f"Bearer {key}"}
            )
            for key in (team.key, "wrong")
        }
        assert [answer.status_code for answer in asked.values()] == [200, 401]
        assert team.completions() == 2
        assert team.key not in repr(team)
