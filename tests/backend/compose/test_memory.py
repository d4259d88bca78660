"""How much memory CodeGen needs, against what is known of its four sizes."""

import pytest

from pilotfish.backend.compose.checks import check_access, check_gpus, check_ports
from pilotfish.backend.compose.errors import ComposeError
from pilotfish.backend.compose.machine import Gpu
from pilotfish.backend.compose.memory import (
    GIB,
    NAMED,
    Shape,
    cache_bytes,
    needed_bytes,
    shape_of,
    weights_bytes,
)
from pilotfish.backend.compose.team import Profile, Team

KIB = 1024


@pytest.mark.parametrize(
    ("size", "parameters", "half", "single", "cache"),
    [
        ("350M", 356_712_448, 0.66, 1.33, 80),
        ("2B", 2_779_356_160, 5.18, 10.35, 320),
        ("6B", 7_064_213_504, 13.16, 26.32, 528),
        ("16B", 16_032_155_648, 29.86, 59.72, 816),
    ],
)
def test_sizes_are_those_of_the_published_models(
    size: str, parameters: int, half: float, single: float, cache: int
) -> None:
    """Parameters exactly, weights in GiB, keys and values in KiB a token."""
    shape = NAMED[size]
    assert shape.parameters == parameters
    assert weights_bytes(shape, "float16") / GIB == pytest.approx(half, abs=0.01)
    assert weights_bytes(shape, "float32") / GIB == pytest.approx(single, abs=0.01)
    assert cache_bytes(shape, 1) == cache * KIB


@pytest.mark.parametrize(
    ("size", "two", "four"),
    [("350M", 0.43, 0.31), ("2B", 2.83, 1.66), ("6B", 6.97, 3.88), ("16B", 15.52, 8.35)],
)
def test_gpus_share_all_but_embedding_and_head(size: str, two: float, four: float) -> None:
    """GiB of weights on each of two and of four GPUs."""
    assert weights_bytes(NAMED[size], "float16", 2) / GIB == pytest.approx(two, abs=0.01)
    assert weights_bytes(NAMED[size], "float16", 4) / GIB == pytest.approx(four, abs=0.01)


def gpu(gib: float, *, index: int = 0, capability: float = 8.6) -> Gpu:
    return Gpu(index, "Some GPU", round(gib * GIB), capability)


def texts(profile: Profile, size: str, *gpus: Gpu, kept: str = "float16") -> str:
    team = Team(profile=profile, gpus=tuple(gpu.index for gpu in gpus))
    return " ".join(finding.text for finding in check_gpus(team, gpus, NAMED[size], kept) if finding.stops)


def test_a_model_that_does_not_fit_is_refused() -> None:
    """6B's weights alone exceed 13 GB, which FauxPilot's menu said it needs; two such GPUs hold it.

    Our own model keeps half a GiB of prompt beginnings besides.
    """
    assert "needs 15.4 GiB" in texts("python", "6B", gpu(13))
    assert "needs 14.9 GiB" in texts("fastertransformer", "6B", gpu(13))
    assert not texts("fastertransformer", "6B", gpu(13), gpu(13, index=1))
    assert not texts("python", "6B", gpu(16))
    assert not texts("python", "6B", gpu(13), kept="int8_float16")


def test_a_number_of_gpus_that_can_not_share_is_refused() -> None:
    """CTranslate2 knows one; FasterTransformer divides the heads."""
    two = (gpu(48), gpu(48, index=1))
    assert "on one GPU, not on 2" in texts("python", "2B", *two)
    three = (*two, gpu(48, index=2))
    assert "16 attention heads can't be divided among 3" in texts("fastertransformer", "6B", *three)
    assert not texts("fastertransformer", "16B", *three)


def test_gpus_that_are_not_there_are_named() -> None:
    """And those that are."""
    team = Team(profile="python", gpus=(3,))
    (finding,) = check_gpus(team, [gpu(48)], NAMED["350M"], "float16")
    assert finding.text == "there is no GPU 3; this host has 0."
    (finding,) = check_gpus(team, [], NAMED["350M"], "float16")
    assert "--backend cpu" in finding.text


def test_a_gpu_too_new_or_too_old_for_an_image_is_told_of() -> None:
    """It may yet run, so this does not stop anybody; one that nothing knows does."""
    ada = gpu(24, capability=8.9)
    (finding,) = check_gpus(Team(profile="fastertransformer", gpus=(0,)), [ada], NAMED["2B"], "float16")
    assert not finding.stops
    assert "--backend python" in finding.text
    assert not check_gpus(Team(profile="python", gpus=(0,)), [ada], NAMED["2B"], "float16")
    (finding,) = check_gpus(
        Team(profile="python", gpus=(0,)), [gpu(24, capability=7.0)], NAMED["2B"], "float16"
    )
    assert not finding.stops
    assert "7.5" in finding.text
    assert "6.0 is needed" in texts("python", "350M", gpu(12, capability=3.5))


def test_a_cpu_needs_no_gpu() -> None:
    """Nor does a Triton elsewhere."""
    for profile in ("cpu", "external"):
        assert not check_gpus(Team(profile=profile), [], NAMED["16B"], "int8")


def test_ports_and_keys() -> None:
    """A port of somebody else's and a missing key stop it, each with what to do."""
    (port, grafana) = check_ports(Team(monitoring=True), port_free=False, grafana_free=False)
    assert "--port" in port.text
    assert "GRAFANA_PORT" in grafana.text
    assert not check_ports(Team(), port_free=True, grafana_free=False)
    (keys,) = check_access(Team(), keys=0)
    assert "pilotfish-backend keys add NAME --api-key-file" in keys.text
    (host,) = check_access(Team(triton_host="elsewhere"), keys=1)
    assert "TRITON_HOST" in host.text


def test_a_checkpoint_tells_its_shape() -> None:
    """By its config.json, a fine-tuned one's own number of rows included."""
    config = {"n_layer": 20, "n_embd": 1024, "n_head": 16, "vocab_size": 50295, "n_inner": None}
    assert shape_of(config) == Shape(20, 1024, 16, 0, 50295, 2048)
    assert needed_bytes(shape_of(config), "int8") < needed_bytes(NAMED["350M"], "int8")
    with pytest.raises(ComposeError, match="n_layer"):
        shape_of({"model_type": "llama"})
