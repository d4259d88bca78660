"""Clients that were made for FauxPilot, against the proxy as it is started, in front of a real Triton.

The model has the signature of FauxPilot's own backend: unary, and a seed of 32 bits.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.backend_process import BackendProcess
from harness.triton import TritonProcess
from harness.triton_models import MODEL_NAME, ScriptedModel, Shape
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer

HELLO = '(self):\n        return "Hello World"'
NAMES = ("codegen", "copilot-codex", "fastertransformer", "py-model")


@dataclass(frozen=True)
class Team:
    """A proxy, and the model behind the Triton behind it."""

    url: str
    model: ScriptedModel
    tokenizer: Tokenizer

    def answers(self, text: str) -> None:
        """Answer so from now on."""
        self.model.script(tokens=self.tokenizer.encode(text))
        self.model.forget()

    def sent(self) -> Mapping[str, Any]:
        """The tensors that the last request brought, by name."""
        inputs: Mapping[str, Any] = self.model.requests()[-1].inputs
        return {name: given["values"] for name, given in inputs.items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Iterator[Team]:
    """Everything started as a team starts it, but for the port, which is any free one."""
    home = tmp_path_factory.mktemp("team")
    model = ScriptedModel(home / "models", Shape(seed_type="INT32"))
    with TritonProcess(model.repository) as triton:
        options = ["--triton-url", triton.url, "--triton-model", MODEL_NAME, "--model", "codegen-350M-multi"]
        options += ["--tokenizer", str(tokenizer_file), "--enable-copilot-token"]
        with BackendProcess(home, *options, engine="triton") as backend:
            with backend.client() as client:
                wait_ready(client)
            yield Team(backend.url, model, Tokenizer.load(tokenizer_file))


def wait_ready(client: httpx.Client) -> None:
    end = time.monotonic() + 10
    while client.get("/health/ready").status_code != 200:
        assert time.monotonic() < end, client.get("/health").text
        time.sleep(0.02)


@pytest.fixture
def team(running: Team) -> Team:
    """It answers what FauxPilot's articles show."""
    running.answers(f"{HELLO}\n\n")
    return running


def post(team: Team, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
    with httpx.Client(base_url=team.url, trust_env=False, timeout=20) as http:
        return http.post(path, json=body, headers=headers)


def test_curl_as_the_articles_print_it(team: Team) -> None:
    """Word for word but for the port; the answer has the fields that they show."""
    port = team.url.rpartition(":")[2]
    command = (
        """curl -s -H "Accept: application/json" -H "Content-type: application/json" -X POST -d """
        r"""'{"prompt":"def hello","max_tokens":100,"temperature":0.1,"stop":["\n\n"]}' """
        f"http://localhost:{port}/v1/engines/codegen/completions"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=True)
    answer = json.loads(done.stdout)
    assert {"id", "model", "object", "created", "choices", "usage"} <= answer.keys()
    assert (answer["object"], answer["id"][:5]) == ("text_completion", "cmpl-")
    (choice,) = answer["choices"]
    assert choice == {"text": HELLO, "index": 0, "finish_reason": "stop", "logprobs": None}
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 2
    assert usage["total_tokens"] == 2 + usage["completion_tokens"]
    sent = team.sent()
    assert sent["input_ids"] == team.tokenizer.encode("def hello")
    assert sent["request_output_len"] == [100]
    assert sent["temperature"] == [pytest.approx(0.1)]


@pytest.mark.parametrize(("stop", "text"), [(["\n"], "(self):"), ([], f"{HELLO}\n\n")])
def test_fauxpilots_vscode_plugin(team: Team, stop: list[str], text: str) -> None:
    """Its settings' defaults, by its openai or its axios; with inline completion it stops at a line's end."""
    length = len(team.tokenizer.encode(text))
    body = {
        "model": "fastertransformer",
        "prompt": "import os\n\ndef hello",
        "max_tokens": 200 if stop else length,
        "temperature": 0.1,
        "stop": stop,
    }
    headers = {"Authorization": "Bearer dummy", "User-Agent": "OpenAI/NodeJS/3.2.1"}
    answer = post(team, "/v1/engines/codegen/completions", body, **headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["text"] == text


def test_copilot_vim(team: Team) -> None:
    """It asks for a token first; then it streams, sends fields of Copilot's own, and the text after the cursor."""
    with httpx.Client(base_url=team.url, trust_env=False, timeout=20) as http:
        token = http.get("/copilot_internal/v2/token", headers={"Authorization": "token gho_dummy"}).json()
    body = {
        "prompt": "# Path: fish.py\ndef hello",
        "suffix": "\nhello()\n",
        "max_tokens": 500,
        "temperature": 0,
        "top_p": 1,
        "n": 1,
        "stop": ["\n"],
        "nwo": "fish/pond",
        "stream": True,
        "extra": {
            "language": "python",
            "next_indent": 0,
            "trim_by_indentation": True,
            "prompt_tokens": 9,
            "suffix_tokens": 4,
        },
    }
    headers = {
        "Authorization": f"Bearer {token['token']}",
        "Openai-Organization": "github-copilot",
        "Openai-Intent": "copilot-ghost",
        "VScode-SessionId": "1",
        "VScode-MachineId": "2",
    }
    answer = post(team, "/v1/engines/copilot-codex/completions", body, **headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done, end = answer.text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events]
    assert "".join(choice["text"] for choice in choices) == "(self):"
    assert choices[-1]["finish_reason"] == "stop"
    assert team.sent()["input_ids"] == team.tokenizer.encode(str(body["prompt"]))


def test_a_suffix_is_refused_where_it_is_meant(team: Team) -> None:
    """Other clients do not send it without being told to, so there it would be wrong to drop it."""
    answer = post(team, "/v1/engines/codegen/completions", {"prompt": "def hello", "suffix": "\n"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "suffix")


def test_openai_028(team: Team, old_python: Path) -> None:
    """With `api_base`, by engine and by model, whole and streamed."""
    program = Path(__file__).with_name("openai_028_team.py")
    done = subprocess.run(
        [str(old_python), str(program), team.url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["version"].startswith("0.28")
    for answer in (said["by_engine"], said["by_model"]):
        assert (answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]) == (HELLO, "stop")
        assert answer["model"] == "codegen-350M-multi"
    assert said["streamed"] == HELLO


@pytest.mark.parametrize("name", NAMES)
def test_fauxpilots_names(team: Team, name: str) -> None:
    """Its model names and Copilot's work in the body and in the path."""
    body = {"prompt": "def hello", "max_tokens": 2, "model": name}
    for path in ("/v1/completions", f"/v1/engines/{name}/completions"):
        assert post(team, path, body).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_what_fauxpilot_sends_triton_by_default(team: Team, *, stream: bool) -> None:
    """A request without any field but the prompt: 16 tokens, one event or one answer, real numbers of tokens."""
    answer = post(team, "/v1/engines/codegen/completions", {"prompt": "def hello", "stream": stream})
    assert answer.status_code == 200
    assert team.sent()["request_output_len"] == [16]
    if not stream:
        assert answer.json()["usage"]["completion_tokens"] == 16
