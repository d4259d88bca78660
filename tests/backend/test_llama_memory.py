"""What fits into a machine."""

from pathlib import Path

import pytest

from pilotfish.backend.models.gguf_metadata import GgufMetadata
from pilotfish.backend.proxy.engines.base import EngineError
from pilotfish.backend.proxy.engines.llama_memory import (
    available_memory,
    decode_threads,
    default_threads,
    fit_context,
)

GIB = 1024**3


def metadata(*, size: int = GIB, trained: int = 32_768) -> GgufMetadata:
    """A model whose KV cache takes 64 KiB a token."""
    values: dict[str, int | float | bool | str] = {
        "general.architecture": "llama",
        "llama.context_length": trained,
        "llama.block_count": 32,
        "llama.embedding_length": 2048,
        "llama.attention.head_count": 16,
        "llama.attention.head_count_kv": 4,
    }
    return GgufMetadata(Path("big.gguf"), size, values, {})


def test_kv_cache_is_counted_in_half_precision() -> None:
    """Layers times heads times both sizes times two bytes."""
    assert metadata().kv_bytes_per_token == 32 * 4 * (128 + 128) * 2 == 65_536


def test_enough_memory_gives_what_was_asked_for() -> None:
    """And a little more in the slot, for the tokens that a layout adds."""
    fit = fit_context(metadata(), wanted=4096, slots=2, available=8 * GIB)
    assert (fit.context_length, fit.slot_tokens) == (4096, 4352)


def test_a_model_trained_on_less_gets_less() -> None:
    """The slot never exceeds what the model was trained on; the layout's tokens come out of it."""
    fit = fit_context(metadata(trained=2048), wanted=4096, slots=2, available=None)
    assert (fit.context_length, fit.slot_tokens) == (2040, 2048)


def test_little_memory_gives_a_shorter_context() -> None:
    """Halved until it fits."""
    needed = GIB + 256 * 1024**2 + 2 * 1280 * 65_536
    assert fit_context(metadata(), wanted=4096, slots=2, available=needed).context_length == 1024
    assert fit_context(metadata(), wanted=4096, slots=2, available=needed - 1).context_length == 512


def test_too_little_memory_is_told_with_both_numbers() -> None:
    """The message names the file, what it needs and what there is."""
    with pytest.raises(EngineError, match=r"big\.gguf .* needs 1,376 MiB .* 1,000 MiB"):
        fit_context(metadata(), wanted=4096, slots=2, available=1000 * 1024**2)


def test_memory_is_the_least_that_anybody_allows(tmp_path: Path) -> None:
    """The system's free memory, or what a container still has; pages that can be dropped do not count."""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    meminfo, group = tmp_path / "meminfo", tmp_path / "group"
    assert available_memory(meminfo, group) == 2048 * 1024
    group.mkdir()
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("700000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 100000\n")
    assert available_memory(meminfo, group) == 2048 * 1024
    (group / "memory.max").write_text("1000000\n")
    assert available_memory(meminfo, group) == 400_000


def test_memory_is_known_here_without_linux_files(tmp_path: Path) -> None:
    """Where neither file is, a share of the machine's memory is assumed."""
    assert (available_memory(tmp_path / "none", tmp_path / "none") or 0) > 0


def test_threads_stay_within_a_containers_share(tmp_path: Path) -> None:
    """A quota of one and a half processors is two threads at most; no quota is no limit."""
    limit = tmp_path / "cpu.max"
    limit.write_text("max 100000\n")
    unlimited = default_threads(limit)
    limit.write_text("100000 100000\n")
    assert default_threads(limit) == 1
    assert 1 <= unlimited <= 16
    assert default_threads(tmp_path / "none") == unlimited


def test_small_models_are_decoded_by_one_thread() -> None:
    """Big ones by all."""
    assert (decode_threads(145_000_000, 8), decode_threads(2 * GIB, 8)) == (1, 8)
