"""What is asked of Triton: addresses, what a server offers, and a generation as tensors."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from tritonclient.grpc import model_config_pb2

from backend.decoder.word_lists import pack_words
from pilotfish.backend.converter import python_backend_config, triton_config
from pilotfish.backend.proxy.engines.base import EngineError, EngineRefusal, Generation, Sampling
from pilotfish.backend.proxy.engines.triton_address import AddressError, parse_urls
from pilotfish.backend.proxy.engines.triton_request import NEAR_ONE, build, check
from pilotfish.backend.proxy.engines.triton_signature import Signature, read_signature

END = 9


def signature_of(text: str) -> Signature:
    return read_signature(text_format.Parse(text, model_config_pb2.ModelConfig()))


def ours(*, decoupled: bool = False, **fields: Any) -> Signature:
    config = python_backend_config.PythonBackendConfig(**fields)
    return signature_of(python_backend_config.model_config(config, decoupled=decoupled))


def theirs(*, modern: bool = False, decoupled: bool = False) -> Signature:
    config = triton_config.FasterTransformerConfig(layers=2, heads=4, head_dim=16, rows=50304)
    return signature_of(triton_config.model_config(config, modern=modern, decoupled=decoupled))


# --- addresses


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("triton:8001", ("triton:8001",)),
        ("triton", ("triton:8001",)),
        ("10.0.0.7:9, gpu-2.lan.:1234", ("10.0.0.7:9", "gpu-2.lan.:1234")),
        ("[::1]:8001,[fe80::1%eth0]", ("[::1]:8001", "[fe80::1%eth0]:8001")),
        ("a:1,a:1", ("a:1",)),
    ],
)
def test_addresses(text: str, targets: tuple[str, ...]) -> None:
    """One target for each server; the port of Triton's gRPC service goes without saying."""
    assert parse_urls(text) == targets


@pytest.mark.parametrize(
    "text", ["", "a:1,", "http://a:8000", "dns:///a,b", "a:0", "a:70000", "a b", "::1", "-a:1"]
)
def test_what_is_no_address(text: str) -> None:
    """The message says what one looks like."""
    with pytest.raises(AddressError, match="HOST:PORT"):
        parse_urls(text)


# --- signatures


def test_our_models_signature_is_read() -> None:
    """Limits, slots and what is beyond FasterTransformer come from the configuration that the converter writes."""
    read = ours(positions=1024, rows=51200, slots=3, device="cuda")
    assert (read.context_length, read.rows, read.slots, read.end_id) == (1024, 51200, 3, 50256)
    assert (read.decoupled, read.ours, read.device, read.logprobs) == (False, True, "gpu", 20)
    assert ours(decoupled=True).decoupled


@pytest.mark.parametrize(("modern", "seed"), [(False, "INT32"), (True, "UINT64")])
def test_fastertransformers_signature_is_read(seed: str, *, modern: bool) -> None:
    """Both generations; chosen tokens' log-probabilities, and no alternatives."""
    read = theirs(modern=modern)
    assert (read.inputs["random_seed"], read.rows, read.device, read.logprobs) == (seed, 50304, "gpu", 0)
    assert not read.ours
    assert read.slots == 2, "one is generated, one is on its way"


def test_slots_follow_instances_and_batches() -> None:
    """Where a configuration does not say how many requests are worth sending at once."""
    base = triton_config.model_config(triton_config.FasterTransformerConfig(), modern=True)
    assert signature_of(base.replace("count: 1", "count: 8")).slots == 9
    assert signature_of(base + "dynamic_batching { }").slots == 16


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name: "input_lengths"', 'name: "lengths"', "lacks input_lengths"),
        ('name: "sequence_length"', 'name: "length"', "lacks sequence_length"),
        ("max_batch_size: 1024", "max_batch_size: 0", "no batches"),
        ("TYPE_INT32 dims: [ 1 ]", "TYPE_STRING dims: [ 1 ]", "random_seed"),
        ('"start_id" data_type: TYPE_UINT32', '"mystery" data_type: TYPE_UINT32', "mystery"),
    ],
)
def test_another_signature_is_refused(old: str, new: str, says: str) -> None:
    """What we could not ask is told by name, before anybody asks."""
    text = triton_config.model_config(triton_config.FasterTransformerConfig(), modern=False)
    assert old in text
    with pytest.raises(EngineError, match=says):
        signature_of(text.replace(old, new).replace("optional: true", "optional: false"))


# --- requests


def sent(
    generation: Generation, signature: Signature, stop_words: Sequence[Sequence[int]] = ()
) -> Mapping[str, tuple[str, Sequence[Any]]]:
    codes = {"UINT32": "I", "INT32": "i", "UINT64": "Q", "FP32": "f", "BOOL": "?"}
    tensors = build(generation, signature, end_id=END, stop_words=stop_words, random=lambda below: below - 1)
    assert all(tensor.shape[0] == 1 for tensor in tensors)
    return {
        t.name: (t.dtype, [n for (n,) in struct.iter_unpack("<" + codes[t.dtype], t.raw)]) for t in tensors
    }


def test_greedy_keeps_clear_of_the_masking_hole() -> None:
    """Temperature 0 is top-k 1, and the temperature that is sent is near 1, but never 1."""
    for sampling in (Sampling(temperature=0.0), Sampling(temperature=1.0, top_k=5)):
        values = sent(Generation([1], 2, sampling), theirs())
        assert values["temperature"] == ("FP32", [pytest.approx(1.0, abs=1e-5)])
        assert values["temperature"][1] != [1.0]
    assert sent(Generation([1], 2, Sampling(temperature=0.0)), theirs())["runtime_top_k"] == ("UINT32", [1])
    assert struct.unpack("<f", struct.pack("<f", NEAR_ONE)) != (1.0,)


def test_drawing_is_passed_on() -> None:
    """Top-p, top-k, temperature; a top-p of 0 is greedy."""
    values = sent(Generation([1, 2], 7, Sampling(temperature=0.25, top_p=0.5, top_k=3)), theirs())
    names = (
        "input_ids",
        "input_lengths",
        "request_output_len",
        "runtime_top_p",
        "runtime_top_k",
        "temperature",
    )
    assert [values[name][1] for name in names] == [[1, 2], [2], [7], [0.5], [3], [0.25]]
    assert sent(Generation([1], 1, Sampling(top_p=0.0)), theirs())["runtime_top_k"][1] == [1]


def test_seeds_have_the_servers_type() -> None:
    """Without one FasterTransformer would say the same each time, so it gets one; our model draws by itself."""
    seeded, free = Generation([1], 1, Sampling(seed=5)), Generation([1], 1)
    assert sent(seeded, theirs())["random_seed"] == ("INT32", [5])
    assert sent(seeded, theirs(modern=True))["random_seed"] == ("UINT64", [5])
    assert sent(free, theirs())["random_seed"] == ("INT32", [2**31 - 1])
    assert "random_seed" not in sent(free, ours())


def test_an_empty_prompt_is_the_beginning_of_a_text() -> None:
    """One token, since a row of none can't be sent."""
    assert sent(Generation([], 1), theirs())["input_ids"][1] == [END]


def test_biases_and_penalties_go_where_there_is_an_input() -> None:
    """Our model takes them all; FasterTransformer can ban tokens."""
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=0.25, logit_bias={7: -1.5, 8: 2.0})
    values = sent(Generation([1], 1, sampling), ours())
    assert values["presence_penalty"][1] == [0.5]
    assert values["frequency_penalty"][1] == [0.25]
    assert (values["logit_bias_ids"][1], values["logit_bias_values"][1]) == ([7, 8], [-1.5, 2.0])
    banned = sent(Generation([1], 1, Sampling(logit_bias={7: -100.0, 8: -100.0})), theirs())
    assert banned["bad_words_list"] == ("INT32", [7, 8, 1, 2])


@pytest.mark.parametrize("words", [[[628], [198, 198]], [[5]], [[1, 2, 3]]])
def test_words_are_packed_as_the_decoder_reads_them(words: list[list[int]]) -> None:
    """FasterTransformer's packing, the same on both sides."""
    packed = pack_words([words]).reshape(-1).tolist()
    assert sent(Generation([1], 1), ours(), stop_words=words)["stop_words_list"] == ("INT32", packed)


def test_what_a_server_requires_is_sent() -> None:
    """An input that is not optional there gets the value that changes nothing."""
    text = triton_config.model_config(triton_config.FasterTransformerConfig(), modern=False)
    values = sent(Generation([1], 1), signature_of(text.replace("optional: true", "optional: false")))
    assert (values["repetition_penalty"][1], values["beam_width"][1]) == ([1.0], [1])
    assert values["stop_words_list"][1] == [0, -1]


@pytest.mark.parametrize(
    ("generation", "field"),
    [
        (Generation([1] * 2047, 2), "prompt"),
        (Generation([], 2048), "prompt"),
        (Generation([1], 1, suffix=[2]), "suffix"),
        (Generation([1], 1, logprobs=1), "logprobs"),
        (Generation([1], 1, Sampling(temperature=0.5), logprobs=0), "logprobs"),
        (Generation([1], 1, Sampling(top_p=0.5), logprobs=0), "logprobs"),
        (Generation([1], 1, Sampling(top_k=2000)), "top_k"),
        (Generation([1], 1, Sampling(presence_penalty=0.1)), "presence_penalty"),
        (Generation([1], 1, Sampling(frequency_penalty=0.1)), "frequency_penalty"),
        (Generation([1], 1, Sampling(logit_bias={5: -99.0})), "logit_bias"),
        (Generation([1], 1, Sampling(logit_bias={0: -100.0})), "logit_bias"),
    ],
)
def test_what_fastertransformer_cannot_do_is_refused_by_name(generation: Generation, field: str) -> None:
    """Nothing that would change the text is ignored, and no number is invented."""
    with pytest.raises(EngineRefusal) as refusal:
        check(generation, theirs(), 2048)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "generation",
    [
        Generation([1] * 2047, 1),
        Generation([1], 1, logprobs=0),
        Generation([1], 1, Sampling(temperature=0.0), logprobs=0),
        Generation([1], 1, Sampling(top_k=1024, top_p=0.3, seed=3)),
    ],
)
def test_what_fastertransformer_can_do_passes(generation: Generation) -> None:
    """The refusals are no wider than they must be."""
    check(generation, theirs(), 2048)
    check(replace(generation, logprobs=2), ours(), 2048)
