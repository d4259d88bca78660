"""Clients as they are, with nothing changed but where the server is: openai now and 0.28, curl, FauxPilot's plugin."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from harness.proxy import Proxy, served
from pilotfish.backend.proxy.engines.memory import Failure
from pilotfish.backend.proxy.settings import Settings

KEY = "client-key-0123456789"
SCRIPT = "return value 🐟\n\ndef "


@pytest.fixture
async def server() -> AsyncIterator[Proxy]:
    """A server with a key."""
    async with served(Settings(api_key=KEY), script=SCRIPT, decode_seconds=0.001) as made:
        made.headers["authorization"] = f"Bearer {KEY}"
        yield made


@pytest.fixture
async def client(server: Proxy) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client, set up as its documentation says."""
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


async def test_openai_completion(client: openai.AsyncOpenAI) -> None:
    """Whole answers, with everything that the client's types know."""
    answer = await client.completions.create(
        model="codegen", prompt="def f(x):\n    ", max_tokens=20, temperature=0, stop=["\n\n"], logprobs=2
    )
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason) == ("return value 🐟", "stop")
    assert choice.logprobs is not None
    assert choice.logprobs.tokens is not None
    assert choice.logprobs.tokens[:2] == ["return ", "value"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 9
    assert answer.usage.prompt_tokens_details is not None
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


async def test_openai_stream(client: openai.AsyncOpenAI) -> None:
    """Chunk by chunk, with usage in the last one."""
    stream = await client.completions.create(
        model="memory",
        prompt="x",
        max_tokens=20,
        temperature=0,
        stop="\n\n",
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == "return value 🐟"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


async def test_openai_leaving_a_stream_cancels(client: openai.AsyncOpenAI, server: Proxy) -> None:
    """Closing the stream ends the engine's work."""
    stream = await client.completions.create(model="memory", prompt="x", max_tokens=500, stream=True)
    async for _ in stream:
        break
    await stream.close()
    async with asyncio.timeout(0.5):
        while not server.engine.cancellations:
            await asyncio.sleep(0.005)


async def test_openai_batches_and_lists(client: openai.AsyncOpenAI) -> None:
    """Several prompts, token ids, several texts; models."""
    assert len((await client.completions.create(model="memory", prompt=["a", "b"], n=2)).choices) == 4
    assert len((await client.completions.create(model="memory", prompt=[1, 2, 3])).choices) == 1
    assert [model.id async for model in client.models.list()] == ["memory"]
    assert (await client.models.retrieve("codegen")).id == "memory"


async def test_openai_errors_have_their_classes(client: openai.AsyncOpenAI, server: Proxy) -> None:
    """The client tells errors apart as it does OpenAI's."""
    with pytest.raises(openai.NotFoundError) as missing:
        await client.completions.create(model="gpt-4", prompt="x")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as long:
        await client.completions.create(model="memory", prompt="x" * 5000)
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="wrong").completions.create(model="memory", prompt="x")
    server.engine.failure = Failure("unavailable")
    with pytest.raises(openai.InternalServerError) as away:
        await client.completions.create(model="memory", prompt="x", stream=True)
    assert away.value.status_code == 503
    server.engine.failure = Failure("unavailable", after=1)
    stream = await client.completions.create(model="memory", prompt="x", stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


async def test_openai_retries_when_told(server: Proxy) -> None:
    """A 503 says when to come back, and the client does by itself."""
    server.engine.failure = Failure("unavailable")

    async def repair() -> None:
        await asyncio.sleep(0.3)
        server.engine.failure = None

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=3) as client:
        repaired = asyncio.create_task(repair())
        assert (await client.completions.create(model="memory", prompt="x")).choices
        await repaired


async def test_openai_028(server: Proxy, old_python: Path) -> None:
    """The client of FauxPilot's days: engines in the path, its own error classes, SSE without types."""
    program = Path(__file__).with_name("openai_028.py")
    process = await asyncio.create_subprocess_exec(
        str(old_python), str(program), server.url, KEY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    said = json.loads(out)
    assert said["version"].startswith("0.28")
    (choice,) = said["plain"]["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("return value 🐟", "stop")
    assert choice["logprobs"]["tokens"][0] == "return "
    assert "".join(said["streamed"]) == SCRIPT
    assert said["several"] == 4
    assert said["models"] == said["engines"] == ["memory"]
    assert said["refused"] == {
        "model": {"status": 404, "code": "model_not_found", "param": "model"},
        "context": {"status": 400, "code": "context_length_exceeded", "param": "prompt"},
        "key": {"status": 401},
    }


async def test_curl_as_in_fauxpilots_articles() -> None:
    """A request that many articles print, word for word but for the port."""
    assert shutil.which("curl"), "this test needs curl"
    async with served(script='(self):\n        return "Hello World"\n\n') as made:
        command = (
            """curl -s -H "Accept: application/json" -H "Content-type: application/json" -X POST -d """
            r"""'{"prompt":"def hello","max_tokens":100,"temperature":0.1,"stop":["\n\n"]}' """
            f"""http://localhost:{made.url.rpartition(":")[2]}/v1/engines/codegen/completions"""
        )
        process = await asyncio.create_subprocess_shell(command, stdout=subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        answer = json.loads(out)
        (choice,) = answer["choices"]
        assert choice["text"] == '(self):\n        return "Hello World"'
        assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
        assert answer["object"] == "text_completion"
        usage = answer["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_fauxpilots_vscode_plugin() -> None:
    """What the plugin sends by default: its own model name, a dummy token, no stream."""
    async with served(script="return value\nprint") as made:
        made.headers["authorization"] = "Bearer dummy"
        body = await made.complete(
            "/v1/engines/codegen/completions",
            model="fastertransformer",
            prompt="def f():\n    ",
            max_tokens=200,
            temperature=0.1,
            stop=["\n"],
        )
        assert body["choices"][0]["text"] == "return value"
