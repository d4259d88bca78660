"""Whom a team backend's files belong to."""

from pathlib import Path

from pilotfish.backend.compose.folder import own_keys
from pilotfish.backend.compose.team import Team


def test_a_link_hands_over_nothing(tmp_path: Path) -> None:
    """Whom root gives the keys' folder to could otherwise be given any file of the host."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "theirs").touch()
    (tmp_path / "keys" / "keys.json").symlink_to(tmp_path / "theirs")
    before = (tmp_path / "theirs").stat()
    own_keys(Team(keys_dir=tmp_path / "keys", uid=1234, gid=4321))
    assert (tmp_path / "theirs").stat().st_uid == before.st_uid
