"""Keys that a program prints."""

import sys
import time
from pathlib import Path

import pytest

from harness.waiting import until
from pilotfish.lsp.backend_errors import BadSetting
from pilotfish.lsp.key_command import read_key
from pilotfish.lsp.processes import is_running


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_no_command_no_key() -> None:
    """Nothing is run."""
    assert not await read_key(())


async def test_the_first_line_is_the_key() -> None:
    """White space around it does not count; nor do further lines and standard error."""
    key = await read_key(
        python("import sys; print(' k1s3cret '); print('user: ada'); print('x', file=sys.stderr)")
    )
    assert key.reveal() == "k1s3cret"
    assert "k1s3cret" not in repr(key)


async def test_it_runs_at_home_without_a_shell_and_without_input() -> None:
    """Not in the workspace, and our standard input is the editor's pipe."""
    code = (
        "import os, sys; print(sys.argv[1], sys.stdin.read() == '', os.getcwd() == os.path.expanduser('~'))"
    )
    key = await read_key((*python(code), "$HOME;*"))
    assert key.reveal() == "$HOME;* True True"


async def test_its_environment_is_clean() -> None:
    """A workspace in PYTHONPATH must not run here either."""
    code = "import os; print(os.environ.get('PYTHONPATH'), os.environ['A'])"
    key = await read_key(python(code), environ={"PYTHONPATH": "/w", "A": "b"})
    assert key.reveal() == "None b"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (python("raise SystemExit(4)"), r"failed \(status 4\)"),
        (python("print('k1s3cret'); raise SystemExit(1)"), "failed"),
        (python("pass"), "did not print a key|printed nothing"),
        (python("print()"), "printed nothing"),
        (python("print('k\\u00e4se')"), "did not print a key"),
        (python("import sys; sys.stdout.buffer.write(b'\\xff')"), "did not print a key"),
        (("/nonexistent/pass",), "can't be run: No such file"),
    ],
    ids=["status", "key and status", "nothing", "empty line", "umlaut", "no text", "no program"],
)
async def test_what_goes_wrong_is_told_without_the_output(command: tuple[str, ...], says: str) -> None:
    """By the setting's name."""
    with pytest.raises(BadSetting, match=rf"^backend\.api_key_command ({says})") as caught:
        await read_key(command)
    assert "k1s3cret" not in str(caught.value)


async def test_it_has_bounded_time(tmp_path: Path) -> None:
    """It is ended with its children when it takes too long."""
    code = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); child.wait()"
    )
    begin = time.monotonic()
    with pytest.raises(BadSetting, match=r"longer than 0\.7 s"):
        await read_key(python(code), timeout=0.7)
    assert time.monotonic() - begin < 5
    await until(lambda: not is_running(int((tmp_path / "pid").read_text())))


async def test_endless_output_is_cut() -> None:
    """It does not fill our memory, and is no key."""
    with pytest.raises(BadSetting):
        await read_key(python("while True: print('\\u00e4' * 999)"), timeout=5)
