"""The demonstration as people see it: the real model, a real terminal's absence, and nothing left behind."""

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from platformdirs import user_cache_path

from harness.environment import isolated
from harness.programs import script

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(400)]

JAVASCRIPT = """
function total(items) {
    let sum = 0;
    for (const item of items) {
        sum = sum + item.price * item.count;
    }
    return sum;
}
""" + "".join(
    f"""
function area{n}(shape) {{
    const width = shape.right - shape.left;
    const height = shape.bottom - shape.top;
    return width * height;
}}
"""
    for n in range(12)
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own but for the cache, where the model is; temporary files where the test can see them."""
    (tmp_path / "tmp").mkdir()
    cache = str(user_cache_path(ensure_exists=True))
    return isolated(tmp_path / "home", TMPDIR=str(tmp_path / "tmp"), XDG_CACHE_HOME=cache)


def start(environment: dict[str, str], *arguments: str, group: bool = False) -> subprocess.Popen[str]:
    argv = [script("pilotfish"), "demo", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        argv, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=group
    )


def left_behind(folder: Path) -> list[str]:
    """Files in the temporary folder and the user's state, and processes that name that folder."""
    files = [
        str(path) for part in ("tmp", "home/state") for path in (folder / part).rglob("*") if path.is_file()
    ]
    running = [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]
    return files + running


def test_ghost_text_out_of_a_real_model(environment: dict[str, str], tmp_path: Path) -> None:
    """From pulling to stopping: frames with ghost text, two acceptances, the closing line, and status 0."""
    with start(environment) as process:
        out, errors = process.communicate(timeout=390)
    assert process.returncode == 0, out + errors
    closing = re.fullmatch(r"ghost text: (\d+) shown, 2 accepted, p50 (\d+) ms", out.splitlines()[-1])
    assert closing is not None, out
    assert int(closing[1]) == len(re.findall(r"ghost text \d+ ms after the key: ", out)) >= 2
    assert out.count("accepted: ") == 2
    assert re.search(r"▏⟦.+⟧", out)
    assert left_behind(tmp_path) == []


def test_a_signal_while_it_types_stops_everything(environment: dict[str, str], tmp_path: Path) -> None:
    """The language server and its backend end too, in a file of another language as well."""
    file = tmp_path / "shapes.js"
    file.write_text(JAVASCRIPT)
    with start(environment, str(file)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("3. typing"):
                break
        assert left_behind(tmp_path) != []
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.endswith("pilotfish demo: stopped\n")
    assert left_behind(tmp_path) == []
    assert file.read_text() == JAVASCRIPT


def test_ctrl_c_in_a_terminal_stops_everything(environment: dict[str, str], tmp_path: Path) -> None:
    """The terminal sends the signal to the whole group; the language server, in a session of its own, is asked."""
    with start(environment, group=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "loading" in line or line.startswith("3."):
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert left_behind(tmp_path) == []
