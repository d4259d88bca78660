"""`pilotfish complete FILE:LINE:COL`: asks once, as an editor would, and shows all that went into the answer."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.environment import isolated
from harness.processes import MockBackend, free_port
from harness.programs import language_server
from harness.samples import REFERENCE, SUM
from pilotfish.lsp.answer_report import Answer, report
from pilotfish.lsp.ask_once import Refused, parse_place
from pilotfish.lsp.documents import Cursor

Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(tmp_path: Path, workspace: Path, mock: MockBackend) -> Ask:
    """Runs the program in the workspace, in front of the mock unless told otherwise."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = isolated(tmp_path / "home", **{"PILOTFISH_BACKEND_URL": mock.url, **variables})
        return subprocess.run(
            [*language_server(), "complete", *arguments],
            env=environment,
            cwd=workspace,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def place(workspace: Path) -> str:
    """A place in a file where the rest of the line is missing."""
    (workspace / "shop.py").write_text(SUM.text)
    before = SUM.text[: SUM.offset]
    return f"shop.py:{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}"


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    """The message of a question that could not be asked."""
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_json_has_prompt_timing_and_text(ask: Ask, mock: MockBackend, place: str) -> None:
    """One object: what was sent, what came back, what the filters made of it, and how long it took."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=0.2)
    done = ask(place, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    (call,) = mock.completions()
    assert answer["model"] == "mock-model"
    assert answer["prompt"] == call.body["prompt"]
    assert "shop.py" in answer["prompt"]
    assert answer["raw"].startswith(f" {SUM.rest}")
    assert answer["text"].split("\n")[0] == SUM.rest
    assert 200 <= answer["first_ms"] <= answer["total_ms"] < 5000
    assert answer["connect_ms"] > 0
    assert answer["prompt_tokens"] > 0
    assert answer["cached_tokens"] == 0


def test_text_shows_the_same_to_people(ask: Ask, mock: MockBackend, place: str) -> None:
    """Model, times, tokens, prompt, raw answer and suggestion."""
    mock.configure(policy="continue", reference=REFERENCE)
    done = ask(place)
    assert done.returncode == 0
    for part in (
        "model     mock-model",
        "time      connect ",
        "first token ",
        "--- prompt\n",
        "--- raw answer\n",
    ):
        assert part in done.stdout
    assert f"--- suggestion\n{SUM.rest}" in done.stdout


def test_the_suffix_is_shown_where_the_model_takes_one(ask: Ask, mock: MockBackend, place: str) -> None:
    """And the typed part of the line, where the backend continues that."""
    mock.configure(model={"fim": True, "extensions": ["fim_middle"]}, text="x\n")
    answer = json.loads(ask(place, "--json").stdout)
    (call,) = mock.completions()
    assert answer["suffix"] == call.body["suffix"]
    assert answer["middle"] == call.body.get("fim_middle", "")
    assert answer["middle"]


def test_nothing_to_show_is_status_3(ask: Ask, mock: MockBackend, place: str) -> None:
    """The question was asked; the report is printed all the same."""
    mock.configure(text="   \n")
    done = ask(place)
    assert done.returncode == 3
    assert "nothing to show" in done.stdout
    done = ask(place, "--json")
    assert (done.returncode, json.loads(done.stdout)["text"]) == (3, None)


def test_what_a_model_may_write_can_be_printed(ask: Ask, mock: MockBackend, place: str) -> None:
    """An escape sequence, a character outside the locale; half a surrogate pair."""
    mock.configure(text=" '\x1b[2J \u6f22'\n", token_chars=100)
    done = ask(place, LANG="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\u6f22" in done.stdout
    answer = Answer("m", "p", None, "", "\ud83d", "\ud83d", 0, 1.0, 1.0, 2.0, 1, 1)
    assert "\\ud83d" in report(answer, as_json=False)


def test_an_endless_answer_ends(ask: Ask, mock: MockBackend, place: str) -> None:
    """As in an editor: what is more than enough is not waited for, even if the tokens are never counted."""
    mock.configure(text=" f(items)\n\n\n" * 100_000, limits=False, per_token=0.01)
    done = ask(place, "--json", PILOTFISH_COMPLETION_MULTILINE="never")
    answer = json.loads(done.stdout)
    assert answer["text"] == "f(items)"
    assert answer["total_ms"] < 1000
    assert answer["prompt_tokens"] is None
    (call,) = mock.completions()
    assert call.outcome == "disconnected"
    assert len(call.sent) < 500


@pytest.mark.parametrize("name", [".env", "id_rsa", ".ssh/config"])
def test_secrets_are_refused(ask: Ask, mock: MockBackend, workspace: Path, name: str) -> None:
    """Nothing is sent, and nothing of the file is shown; a link does not hide it."""
    secret = workspace / name
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("KEY=hunter2\n")
    (workspace / "harmless.py").symlink_to(secret)
    for asked in (name, "harmless.py"):
        message = refused(ask(f"{asked}:1:3"))
        assert "secret" in message
        assert "hunter2" not in message
    assert mock.log() == []


def test_what_settings_exclude_is_refused(ask: Ask, workspace: Path, mock: MockBackend) -> None:
    """A glob of the project's file, and a language that is switched off."""
    (workspace / ".git").mkdir()
    (workspace / ".pilotfish.toml").write_text('exclude = ["private/**"]\n[languages]\ndisabled = ["lua"]\n')
    (workspace / "private").mkdir()
    for name in ("private/x.py", "x.lua"):
        (workspace / name).write_text("x = 1\n")
        assert "nothing is ever asked here" in refused(ask(f"{name}:1:1"))
    assert mock.log() == []


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"one\n", "x.py:9:1", "ends at line 2, there is no line 9"),
        (b"caf\xe9\n", "x.py:1:1", "not UTF-8"),
        (b"\x7fELF\0\0\n", "x.py:1:1", "binary"),
        (b"one\n", "absent.py:1:1", "No such file"),
        (b"one\n", ".:1:1", "Is a directory"),
        (b"one\n", "absent/folder/x.py:1:1", "No such file"),
    ],
)
def test_places_where_nothing_can_be_asked(
    ask: Ask, workspace: Path, content: bytes, place: str, says: str
) -> None:
    """One line that says why; there is no backend that could be asked."""
    (workspace / "x.py").write_bytes(content)
    assert says in refused(ask(place, PILOTFISH_BACKEND_URL="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "place",
    [
        "x.py",
        "x.py:1",
        "x.py:0:1",
        "x.py:1:0",
        "x.py:-1:1",
        "x.py:a:1",
        "x.py:\u00b2:1",
        f"x.py:{'9' * 5000}:1",
        ":1:1",
    ],
)
def test_what_is_no_place(place: str) -> None:
    """Said as such, whatever it is."""
    with pytest.raises(Refused, match="expected FILE:LINE:COL"):
        parse_place(place)


def test_what_is_a_place() -> None:
    """Counted from 1; a colon in the file's name is part of it."""
    assert parse_place("a/b.py:3:7") == (Path("a/b.py"), Cursor(2, 6))
    assert parse_place("c:d.py:1:1") == (Path("c:d.py"), Cursor(0, 0))


def test_the_ends_of_a_file(ask: Ask, mock: MockBackend, workspace: Path) -> None:
    """An empty file, a column past the line's end, a byte order mark: asked, and the prompt has no mark."""
    (workspace / "empty.py").write_text("")
    (workspace / "bom.py").write_bytes(b"\xef\xbb\xbfdef add(a, b):\r\n    return a")
    assert ask("empty.py:1:1").returncode in {0, 3}
    assert ask("bom.py:2:99").returncode in {0, 3}
    prompt = mock.completions()[-1].body["prompt"]
    assert "\ufeff" not in prompt
    assert prompt.endswith("    return a")


def test_a_backend_that_is_not_there(ask: Ask, place: str) -> None:
    """Said at once, with its address."""
    port = free_port()
    assert f"127.0.0.1:{port}" in refused(ask(place, PILOTFISH_BACKEND_URL=f"http://127.0.0.1:{port}"))


def test_a_key_that_is_refused(ask: Ask, mock: MockBackend, place: str) -> None:
    """The setting is named, the key is not shown."""
    mock.configure(api_key="sk-right")
    message = refused(ask(place, PILOTFISH_BACKEND_API_KEY="sk-wrong"))
    assert "backend.api_key" in message
    assert "sk-wrong" not in message


def test_a_backend_that_fails(ask: Ask, mock: MockBackend, place: str) -> None:
    """An error of the completion is the program's."""
    mock.configure(status=500)
    assert "HTTP 500" in refused(ask(place))


def test_it_starts_nothing_that_an_editor_would_not(ask: Ask, place: str, tmp_path: Path) -> None:
    """With autostart off: how to start it, and no state file."""
    done = ask(
        place,
        PILOTFISH_BACKEND_URL="",
        PILOTFISH_BACKEND_AUTOSTART="off",
        PILOTFISH_STATE_DIR=str(tmp_path / "state"),
    )
    assert "backend.autostart" in refused(done)
    assert not list(tmp_path.glob("state/*"))


def test_a_bad_setting_is_told_beside_the_answer(ask: Ask, mock: MockBackend, place: str) -> None:
    """On standard error, so that JSON stays JSON."""
    mock.configure(text=" f(items)\n")
    done = ask(place, "--json", PILOTFISH_COMPLETION_MAX_LINES="many")
    assert json.loads(done.stdout)["text"]
    assert "completion.max_lines" in done.stderr


def test_unknown_numbers_are_said_to_be_unknown() -> None:
    """A backend that counts no tokens and sent nothing."""
    answer = Answer("m", "p", None, "", "", None, 0, 1.0, None, 2.0, None, None)
    text = report(answer, as_json=False)
    assert "tokens    not told" in text
    assert "first token none" in text
