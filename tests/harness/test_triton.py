"""The Triton harness itself: a real server, a scripted model, and what a test does to them."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tritonclient.grpc as grpc_client
from tritonclient.utils import InferenceServerException

from harness.triton import SHARED_MEMORY, TritonError, TritonProcess
from harness.triton_models import MODEL_NAME, ScriptedModel, Shape
from harness.waiting import until

TENSORS: dict[str, np.ndarray[Any, Any]] = {
    "input_ids": np.array([[7, 8, 9]], np.uint32),
    "input_lengths": np.array([[3]], np.uint32),
    "request_output_len": np.array([[4]], np.uint32),
    "end_id": np.array([[50256]], np.uint32),
}


def inputs() -> list[Any]:
    made = []
    for name, value in TENSORS.items():
        made.append(grpc_client.InferInput(name, value.shape, "UINT32"))
        made[-1].set_data_from_numpy(value)
    return made


def ask(triton: TritonProcess, **options: Any) -> list[int]:
    """The token ids that the unary model answers."""
    with grpc_client.InferenceServerClient(triton.url) as client:
        result = client.infer(MODEL_NAME, inputs(), **options)
    return [int(token) for token in result.as_numpy("output_ids")[0, 0, 3:]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ScriptedModel:
    return ScriptedModel(tmp_path_factory.mktemp("triton") / "models", Shape(instances=1))


@pytest.fixture(scope="module")
def triton(model: ScriptedModel) -> Iterator[TritonProcess]:
    with TritonProcess(model.repository, control=True) as process:
        yield process


@pytest.fixture(autouse=True)
def _fresh(model: ScriptedModel) -> None:
    model.script()
    model.forget()


def test_a_scripted_model_answers_as_told(triton: TritonProcess, model: ScriptedModel) -> None:
    """It gives the tokens of its script, the end token where that says so, and records what it was sent."""
    assert ask(triton, request_id="one") == [4299, 3601, 198, 4299]
    model.script(tokens=[5], end_after=2)
    assert ask(triton) == [5, 50256]
    first, _ = model.requests()
    assert first.id == "one"
    assert first.inputs["input_ids"] == {"type": "uint32", "shape": [1, 3], "values": [7, 8, 9]}
    assert [end.tokens for end in model.ends("finished")] == [4, 2]


def test_errors_and_deadlines_reach_the_client(triton: TritonProcess, model: ScriptedModel) -> None:
    """A fault of the script is Triton's error; a client that gives up is seen by the model."""
    model.script(fault="error", fault_after=2)
    with pytest.raises(InferenceServerException, match="told to fail"):
        ask(triton)
    model.script(seconds_per_token=5)
    with pytest.raises(InferenceServerException, match="Deadline"):
        ask(triton, client_timeout=0.1)
    asyncio.run(until(lambda: model.ends("cancelled")))


def test_kill_and_restart_keep_the_address(triton: TritonProcess) -> None:
    """After a kill nothing is left, neither stub nor shared memory; a restart serves at the same address."""
    url, stubs = triton.url, triton.stubs()
    assert stubs
    mine = f"{triton._shared_memory}*"
    assert [*SHARED_MEMORY.glob(mine)]
    triton.kill()
    assert not [*SHARED_MEMORY.glob(mine)]
    assert not [
        pid
        for pid in stubs
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]
    triton.start()
    assert triton.url == url
    assert ask(triton)


def test_killed_stubs_leave_a_server_that_says_ready(triton: TritonProcess) -> None:
    """The fault that readiness does not show; a restart mends it."""
    triton.kill_stubs()
    with pytest.raises(InferenceServerException):
        ask(triton)
    assert triton.answers(f"/v2/models/{MODEL_NAME}/ready")
    triton.restart()
    assert ask(triton)


def test_models_are_unloaded_and_loaded(triton: TritonProcess) -> None:
    """With control, a model goes away while the server stays, and comes back."""
    triton.unload(MODEL_NAME)
    with pytest.raises(InferenceServerException, match="no available versions"):
        ask(triton)
    asyncio.run(until(lambda: [model["state"] for model in triton.index()] == ["UNAVAILABLE"]))
    triton.load(MODEL_NAME)
    assert ask(triton)


def test_a_frozen_server_answers_after_the_thaw(triton: TritonProcess) -> None:
    """Between freeze and thaw nothing comes, and afterwards everything."""
    triton.freeze()
    try:
        answered = threading.Thread(target=ask, args=(triton,))
        answered.start()
        answered.join(0.2)
        assert answered.is_alive()
    finally:
        triton.thaw()
    answered.join(5)
    assert not answered.is_alive()


def test_a_broken_repository_is_an_error_with_the_log(tmp_path: Path) -> None:
    """A server that ends at the start says why, and nothing is left running."""
    broken = ScriptedModel(tmp_path / "models")
    (broken.repository / MODEL_NAME / "config.pbtxt").write_text("nonsense")
    process = TritonProcess(broken.repository)
    with pytest.raises(TritonError, match="parsing text-format"):
        process.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = process.pid


def test_nothing_outlives_a_test_run_that_is_killed(model: ScriptedModel, tmp_path: Path) -> None:
    """A process that dies with a server running takes the server and its stubs with it."""
    program = (
        "import os, sys; from pathlib import Path; from harness.triton import TritonProcess;"
        "triton = TritonProcess(Path(sys.argv[1]), log=Path(sys.argv[2])).start();"
        "print(triton.pid, *triton.stubs(), flush=True); os._exit(1)"
    )
    argv = [sys.executable, "-c", program, str(model.repository), str(tmp_path / "triton.log")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) > 1, done.stderr
    asyncio.run(until(lambda: not any(map(psutil.pid_exists, pids))))


def test_tokens_stream_and_stop_when_the_stream_is_closed(tmp_path: Path) -> None:
    """Decoupled: a response for each token, each with the whole sequence so far; closing cancels."""
    model = ScriptedModel(tmp_path / "models")
    with TritonProcess(model.repository, config_name="decoupled") as triton:
        assert asyncio.run(first_lengths(triton, 4)) == [4, 5, 6, 7]
        model.script(seconds_per_token=0.05)
        assert asyncio.run(first_lengths(triton, 2)) == [4, 5]
        asyncio.run(until(lambda: model.ends("cancelled")))
    assert model.ends("cancelled")[0].tokens < 4


async def first_lengths(triton: TritonProcess, count: int) -> list[int]:
    """The sequence lengths of some responses, after which the stream is closed."""
    import tritonclient.grpc.aio as aio_client

    lengths: list[int] = []
    async with aio_client.InferenceServerClient(triton.url) as client:

        async def requests() -> Any:
            yield {"model_name": MODEL_NAME, "inputs": inputs()}

        responses = client.stream_infer(requests())
        async for result, error in responses:
            assert error is None
            lengths.append(int(result.as_numpy("sequence_length")[0, 0]))
            if len(lengths) == count:
                responses.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await anext(responses, None)
                return lengths
    return lengths
