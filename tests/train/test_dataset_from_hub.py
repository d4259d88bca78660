"""Data sets of the hub: streamed by the hub's own library from a small server that speaks its HTTP."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from backend.dataset_trees import sources
from train.dataset_hub import dataset_hub

NAMES = [f"part{number}" for number in range(12)]
ROWS = [{"code": text, "path": f"src/{name}", "license": "MIT"} for name, text in sources(*NAMES).items()]
DATA = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def dataset(address: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a hub."""
    command = [sys.executable, "-P", "-m", "pilotfish.backend", "dataset", "build", *arguments]
    env = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HOME": str(home / "hub"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=110, cwd=home, env=env
    )


def test_a_data_set_is_streamed(tmp_path: Path) -> None:
    """Its rows get paths, licences and headers; nothing of it stays on this machine but what was built."""
    with dataset_hub("makers/code", "train.jsonl", DATA) as hub:
        done = dataset(hub.address, tmp_path, "makers/code", "--text-column", "code", "--out", "data")
    assert done.returncode == 0, done.stderr
    rows = [
        json.loads(line)
        for name in ("train", "validation")
        for line in (tmp_path / "data" / f"{name}.jsonl").read_text().splitlines()
    ]
    assert {row["path"]: row["text"] for row in rows} == {
        str(row["path"]): f"# Path: {row['path']}\n{row['code']}" for row in ROWS
    }
    assert {(row["repo"], row["licence"]) for row in rows} == {("makers/code", "MIT")}
    assert not [
        file for file in (tmp_path / "hub").rglob("*") if file.is_file() and b"def read_" in file.read_bytes()
    ]


def test_what_the_hub_does_not_give_is_said(tmp_path: Path) -> None:
    """No such data set, or no such column."""
    with dataset_hub("makers/code", "train.jsonl", DATA) as hub:
        unknown = dataset(hub.address, tmp_path, "makers/other", "--out", "data")
        column = dataset(hub.address, tmp_path, "makers/code", "--out", "data")
    assert (unknown.returncode, column.returncode) == (1, 1)
    assert "makers/other: no file or folder here, and no data set that the hub would give" in unknown.stderr
    assert "makers/code has no column 'text', but code, path, license" in column.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_goes_before_the_hub(tmp_path: Path) -> None:
    """Where a folder has a data set's name, no connection is tried."""
    (tmp_path / "makers" / "code").mkdir(parents=True)
    for name, text in sources("one", "two").items():
        (tmp_path / "makers" / "code" / name).write_text(str(text))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0)
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert dataset(address, tmp_path, "makers/code", "--out", "data").returncode == 0
        try:
            asked: object = nobody.accept()
        except BlockingIOError:
            asked = None
    assert asked is None
