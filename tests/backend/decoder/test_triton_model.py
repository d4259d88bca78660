"""The decoder in a real Triton's Python backend: unary with batching, and streaming token by token."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from backend.decoder.word_lists import pack_words
from harness.tiny_ct2 import END, ROWS, Reference
from harness.triton import TritonError, TritonProcess
from pilotfish.backend.converter.python_backend_config import PythonBackendConfig

from .triton_repository import MODEL, write_repository

GENERATOR = np.random.default_rng(11)
PROMPTS = [GENERATOR.integers(0, END, length).tolist() for length in (5, 30, 31, 90)]
LONG = PROMPTS[-1]
DEADLINE = 30.0
ENDLESS = 200_000
"""Tokens that no test waits for: the tiny model takes many seconds to generate them."""
CONFIG = PythonBackendConfig(positions=2 * ENDLESS, rows=ROWS, start_id=END, end_id=END, slots=1)
TYPES = {"uint32": "UINT32", "int32": "INT32", "uint64": "UINT64", "float32": "FP32", "bool": "BOOL"}


@pytest.fixture(scope="module")
def repository(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One slot, so that a request which does not end would keep the next one waiting."""
    return write_repository(tmp_path_factory.mktemp("triton") / "repository", tiny_model, CONFIG)


@pytest.fixture(scope="module")
def unary(repository: Path) -> Iterator[TritonProcess]:
    with TritonProcess(repository) as server:
        yield server


@pytest.fixture(scope="module")
def decoupled(repository: Path) -> Iterator[TritonProcess]:
    with TritonProcess(repository, config_name="decoupled") as server:
        yield server


def request(prompts: Sequence[Sequence[int]], tokens: int = 10, **more: Any) -> list[triton.InferInput]:
    """The inputs of a request; scalars in ``more`` are given for each row."""
    rows, longest = len(prompts), max(map(len, prompts))
    arrays: dict[str, NDArray[Any]] = {
        "input_ids": np.array([[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts], np.uint32),
        "input_lengths": np.array([[len(prompt)] for prompt in prompts], np.uint32),
        "request_output_len": np.full((rows, 1), tokens, np.uint32),
    }
    for name, value in more.items():
        arrays[name] = value if isinstance(value, np.ndarray) and value.ndim else np.full((rows, 1), value)
    inputs = []
    for name, array in arrays.items():
        given = triton.InferInput(name, list(array.shape), TYPES[str(array.dtype)])
        given.set_data_from_numpy(array)
        inputs.append(given)
    return inputs


def infer(server: TritonProcess, *prompts: Sequence[int], tokens: int = 10, **more: Any) -> Any:
    with triton.InferenceServerClient(server.url) as client:
        return client.infer(MODEL, request(prompts, tokens, **more), client_timeout=DEADLINE)


def completions(result: Any, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """What follows each prompt, which is checked on the way."""
    ids, lengths = result.as_numpy("output_ids"), result.as_numpy("sequence_length")
    found = []
    for row, prompt in enumerate(prompts):
        sequence = ids[row, 0, : lengths[row, 0]].tolist()
        assert sequence[: len(prompt)] == list(prompt)
        found.append(sequence[len(prompt) :])
    return found


class Stream:
    """Responses of one streaming call."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._responses: queue.Queue[tuple[Any, Any]] = queue.Queue()
        client.start_stream(lambda result, error: self._responses.put((result, error)))

    def ask(self, *prompts: Sequence[int], tokens: int = 10, request_id: str = "", **more: Any) -> None:
        self._client.async_stream_infer(
            MODEL, request(prompts, tokens, **more), request_id=request_id, enable_empty_final_response=True
        )

    def next(self) -> Any:
        """The next response; raises the error that came in its place."""
        result, error = self._responses.get(timeout=DEADLINE)
        if error is not None:
            raise error
        return result

    def all(self) -> list[Any]:
        """All up to the final one."""
        results = [self.next()]
        while not results[-1].get_response().parameters["triton_final_response"].bool_param:
            results.append(self.next())
        return results


@contextmanager
def stream(server: TritonProcess) -> Iterator[Stream]:
    with triton.InferenceServerClient(server.url) as client:
        try:
            yield Stream(client)
        finally:
            client.stop_stream(cancel_requests=True)


def test_unary_answers_with_the_models_own_tokens(unary: TritonProcess, reference: Reference) -> None:
    """One row or several, of different lengths; nothing is answered that was not asked for."""
    for prompt in PROMPTS:
        result = infer(unary, prompt)
        assert completions(result, [prompt]) == [reference.greedy(prompt, 10)]
        assert result.as_numpy("output_log_probs") is None
    rows = completions(infer(unary, *PROMPTS), PROMPTS)
    assert rows == [reference.greedy(prompt, 10) for prompt in PROMPTS]


def test_all_inputs_of_fauxpilots_clients_are_taken(unary: TritonProcess, reference: Reference) -> None:
    """Sixteen, each time; a top_k of 1 is greedy whatever the seed."""
    result = infer(
        unary,
        LONG,
        start_id=np.uint32(END),
        end_id=np.uint32(END),
        runtime_top_k=np.uint32(1),
        runtime_top_p=np.float32(1),
        temperature=np.float32(1),
        beam_search_diversity_rate=np.float32(0),
        len_penalty=np.float32(1),
        repetition_penalty=np.float32(1),
        random_seed=np.int32(-7),
        is_return_log_probs=np.bool_(1),
        beam_width=np.uint32(1),
        bad_words_list=pack_words([[]]),
        stop_words_list=pack_words([[]]),
    )
    right = reference.greedy(LONG, 10)
    assert completions(result, [LONG]) == [right]
    context, expected = list(LONG), []
    for token in right:
        expected.append(reference.logprobs(context)[token])
        context.append(token)
    assert result.as_numpy("output_log_probs")[0, 0] == pytest.approx(expected, abs=1e-4)
    assert result.as_numpy("cum_log_probs")[0, 0] == pytest.approx(sum(expected), abs=1e-3)


def test_words_end_and_sampling_reach_the_decoder(unary: TritonProcess, reference: Reference) -> None:
    """Stop and bad words, another end, a seed, a bias, alternatives."""
    right = reference.greedy(LONG, 10)

    def answered(**more: Any) -> list[int]:
        (found,) = completions(infer(unary, LONG, **more), [LONG])
        return found

    assert answered(stop_words_list=pack_words([[[right[3], right[4]]]])) == right[:5]
    assert answered(end_id=np.uint32(right[2])) == right[: right.index(right[2]) + 1]
    assert right[1] not in answered(bad_words_list=pack_words([[[right[1]]]]))
    drawn = {"temperature": np.float32(1.5), "runtime_top_p": np.float32(0.95)}
    seeded = [answered(random_seed=np.int32(seed), **drawn) for seed in (1, 1, 2)]
    assert seeded[0] == seeded[1] != seeded[2]
    bias = {"logit_bias_ids": np.array([[17]], np.uint32), "logit_bias_values": np.array([[100]], np.float32)}
    assert answered(**bias) == [17] * 10
    result = infer(unary, LONG, top_log_probs_count=np.uint32(2))
    assert result.as_numpy("top_log_probs_ids")[0, 0, :, 0].tolist() == right
    assert result.as_numpy("top_log_probs").shape == (1, 1, 10, 2)


def test_requests_that_come_together_are_decoded_together(unary: TritonProcess, reference: Reference) -> None:
    """Triton merges prompts of different lengths, and every one gets its own answer."""
    before = unary.statistics(MODEL)
    prompts = [LONG[start : start + 40 + start] for start in range(24)]
    with triton.InferenceServerClient(unary.url) as client:
        answers: queue.Queue[tuple[int, Any, Any]] = queue.Queue()
        for number, prompt in enumerate(prompts):

            def keep(result: Any, error: Any, number: int = number) -> None:
                answers.put((number, result, error))

            client.async_infer(MODEL, request([prompt], 10), keep)
        for _ in prompts:
            number, result, error = answers.get(timeout=DEADLINE)
            assert error is None
            assert completions(result, [prompts[number]]) == [reference.greedy(prompts[number], 10)]
    after = unary.statistics(MODEL)
    executions = int(after["execution_count"]) - int(before["execution_count"])
    assert executions < len(prompts) // 2


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"beam_width": np.uint32(2)}, "beam_width must be 1"),
        ({"tokens": 3 * ENDLESS}, "exceed the model's"),
        ({"input_lengths": np.array([[91]], np.uint32)}, "input_lengths says 91"),
        ({"input_ids": np.full((1, 90), ROWS, np.uint32)}, "prompt holds a token id"),
        ({"temperature": np.float32("nan")}, "temperature"),
        ({"stop_words_list": np.array([[[1], [7]]], np.int32)}, "stop_words_list"),
        ({"logit_bias_ids": np.array([[1]], np.uint32)}, "logit_bias_ids and logit_bias_values"),
    ],
)
def test_bad_tensors_are_an_error_and_the_stub_lives(
    unary: TritonProcess, decoupled: TritonProcess, more: Any, complaint: str
) -> None:
    """The message names the tensor; the next request is served."""
    with pytest.raises(InferenceServerException, match=complaint) as raised:
        infer(unary, LONG, **more)
    assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert len(completions(infer(unary, LONG), [LONG])[0]) == 10
    with stream(decoupled) as streaming:
        streaming.ask(LONG, **more)
        with pytest.raises(InferenceServerException, match=complaint):
            streaming.next()
        streaming.ask(LONG, tokens=1)
        assert len(streaming.all()) == 1


def test_a_stream_brings_token_after_token(decoupled: TritonProcess, reference: Reference) -> None:
    """Each response repeats the sequence, with the log-probabilities so far; the last token's is the final one."""
    with stream(decoupled) as streaming:
        streaming.ask(LONG, is_return_log_probs=np.bool_(1))
        results = streaming.all()
    right = reference.greedy(LONG, 10)
    assert [completions(result, [LONG])[0] for result in results] == [right[:count] for count in range(1, 11)]
    assert [result.as_numpy("output_log_probs").shape for result in results] == [
        (1, 1, count) for count in range(1, 11)
    ]


def test_a_stream_of_several_rows_ends_with_the_last(decoupled: TritonProcess, reference: Reference) -> None:
    """Rows of different lengths in one request."""
    with stream(decoupled) as streaming:
        streaming.ask(*PROMPTS, random_seed=np.uint64(2**63))
        results = streaming.all()
    assert completions(results[-1], PROMPTS) == [reference.greedy(prompt, 10) for prompt in PROMPTS]
    assert len(results) == 10 * len(PROMPTS)


def test_no_tokens_at_all_are_one_response(unary: TritonProcess, decoupled: TritonProcess) -> None:
    """The prompt alone; a client that warms the server up asks for it."""
    assert completions(infer(unary, LONG, tokens=0), [LONG]) == [[]]
    with stream(decoupled) as streaming:
        streaming.ask(LONG, tokens=0)
        (result,) = streaming.all()
    assert completions(result, [LONG]) == [[]]


def test_streams_that_wait_share_the_slot(decoupled: TritonProcess, reference: Reference) -> None:
    """All are answered, each with its own tokens."""
    with stream(decoupled) as one, stream(decoupled) as two, stream(decoupled) as three:
        streams = [one, two, three]
        for streaming, prompt in zip(streams, PROMPTS, strict=False):
            streaming.ask(prompt, tokens=40)
        for streaming, prompt in zip(streams, PROMPTS, strict=False):
            assert completions(streaming.all()[-1], [prompt]) == [reference.greedy(prompt, 40)]


def test_a_cancelled_stream_frees_its_slot(decoupled: TritonProcess) -> None:
    """While it generates, and while it waits: the next request is served long before they would have ended."""
    with stream(decoupled) as waiting:
        with stream(decoupled) as running:
            running.ask(LONG, tokens=ENDLESS, end_id=np.uint32(50256))
            running.next()
            waiting.ask(LONG, tokens=ENDLESS, end_id=np.uint32(50256), temperature=np.float32(0.5))
        waiting.next()
    with stream(decoupled) as after:
        after.ask(LONG, tokens=1)
        assert len(after.all()) == 1


def test_a_request_ends_another(decoupled: TritonProcess) -> None:
    """The one that it names ends as if its client had hung up; it is answered with nothing, and harms no other."""
    with stream(decoupled) as one, stream(decoupled) as other:
        one.ask(LONG, tokens=ENDLESS, end_id=np.uint32(50256), request_id="17")
        one.next()
        for request_id in (16, 17):
            other.ask(LONG, cancel_id=np.uint64(request_id), request_id=str(request_id))
            (nothing,) = other.all()
            assert nothing.as_numpy("output_ids") is None
        with pytest.raises(InferenceServerException, match="cancelled"):
            one.all()
        other.ask(LONG, tokens=1)
        assert len(other.all()) == 1


def test_a_cancelled_unary_request_frees_its_slot(unary: TritonProcess) -> None:
    """It could only be seen by asking Triton between two tokens."""
    before = computed(unary)
    with triton.InferenceServerClient(unary.url) as client:
        ended: queue.Queue[Any] = queue.Queue()
        call = client.async_infer(
            MODEL,
            request([LONG], ENDLESS, end_id=np.uint32(50256)),
            lambda result, error: ended.put((result, error)),
        )
        while computed(unary) < before + 0.2:
            assert ended.empty()
        call.cancel()
        assert "cancel" in str(ended.get(timeout=DEADLINE)[1]).lower()
    assert len(completions(infer(unary, LONG, tokens=1), [LONG])[0]) == 1


def computed(server: TritonProcess) -> float:
    """Seconds that the model has computed."""
    return float(sum(psutil.Process(pid).cpu_times().user for pid in server.stubs()))


def test_weights_that_are_not_there_are_said_in_the_log(tmp_path: Path) -> None:
    """And the model is not ready."""
    repository = write_repository(tmp_path / "repository", tmp_path / "nothing", CONFIG)
    server = TritonProcess(repository)
    with pytest.raises(TritonError, match="not a CTranslate2 model folder"), server:
        pass
