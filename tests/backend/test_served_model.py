"""The engine follows from the model; what says nothing to it, or can't be served, is refused before anything starts."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.tiny_codegen import write_codegen
from pilotfish.backend.arguments import build_parser
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.models.errors import ModelError
from pilotfish.backend.proxy.engines.base import Engine
from pilotfish.backend.proxy.engines.choose import ENGINES, EngineChoice
from pilotfish.backend.served_model import choose, engine_of


def choice(*arguments: str, cache: Path | None = None) -> EngineChoice:
    return choose(build_parser().parse_args(["serve", *arguments]), cache_dir=cache)


def refused(*arguments: str) -> str:
    with pytest.raises(ModelError) as error:
        choice(*arguments)
    return str(error.value)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted CodeGen for FasterTransformer on two GPUs."""
    checkpoint = write_codegen(tmp_path_factory.mktemp("codegen") / "codegen-tiny", rows=50295, layers=1)
    out = checkpoint.with_name("repository")
    convert(ConvertOptions(checkpoint=checkpoint, out=out, target="fastertransformer", gpus=2))
    return out


@pytest.mark.parametrize(
    ("arguments", "engine"),
    [
        ([], "llama"),
        (["--model", "qwen2.5-coder-0.5b"], "llama"),
        (["--model", "x.gguf"], "llama"),
        (["--model", "."], "ctranslate2"),
        (["--triton-url", "a:1"], "triton"),
        (["--triton-url", "a:1", "--model", "codegen"], "triton"),
        (["--model-repository", "."], "triton"),
        (["--engine", "memory", "--model", "."], "memory"),
    ],
)
def test_the_engine_follows_from_the_model(arguments: list[str], engine: str) -> None:
    """A folder is a converted model, an address a Triton; everything else is llama.cpp's, unless it is said."""
    assert engine_of(build_parser().parse_args(["serve", *arguments])) == engine


def test_a_gguf_file_is_llamas(tmp_path: Path) -> None:
    """With the settings that it understands."""
    file = tmp_path / "own.gguf"
    file.touch()
    made = choice("--model", str(file), "--context", "512", "--threads", "3", "--parallel", "1")
    assert (made.engine, made.name, made.path) == ("llama", "own", file.resolve())
    assert (made.context, made.threads, made.parallel) == (512, 3, 1)


def test_a_folder_is_ctranslate2s(tmp_path: Path, tokenizer_file: Path) -> None:
    """Its name is the model's."""
    folder = tmp_path / "codegen-350M-multi"
    folder.mkdir()
    made = choice("--model", str(folder), "--tokenizer", str(tokenizer_file.parent))
    assert (made.engine, made.name, made.path) == ("ctranslate2", "codegen-350M-multi", folder.resolve())
    assert made.tokenizer == tokenizer_file


def test_a_converted_model_keeps_its_name(repository: Path, tmp_path: Path) -> None:
    """Wherever it was put; a manifest that can't be read is named."""
    assert choice("--model", str(repository)).name == "codegen-tiny"
    (tmp_path / "pilotfish.json").write_text("{")
    assert "pilotfish.json" in refused("--model", str(tmp_path))


def test_triton_needs_an_address_and_a_tokenizer(tokenizer_file: Path) -> None:
    """Given both, the model has the name that the server knows, or the one that is said."""
    made = choice("--triton-url", "a:1,b", "--tokenizer", str(tokenizer_file), "--tls-ca", "ca.pem")
    assert (made.engine, made.name, made.triton_model) == ("triton", "fastertransformer", "fastertransformer")
    assert (made.urls, made.tokenizer, made.tls_ca) == (("a:1", "b:8001"), tokenizer_file, Path("ca.pem"))
    named = choice(
        "--triton-url", "a", "--tokenizer", str(tokenizer_file), "--triton-model", "t", "--model", "m"
    )
    assert (named.name, named.triton_model) == ("m", "t")


def test_a_repository_brings_tokenizer_and_name(repository: Path) -> None:
    """Where the proxy sees what the servers load, nothing else need be said."""
    made = choice("--triton-url", "a:1", "--model-repository", str(repository))
    assert made.tokenizer == repository / "fastertransformer" / "tokenizer" / "tokenizer.json"
    assert made.name == "codegen-tiny"


@pytest.mark.parametrize("damage", ["short", "missing"])
def test_a_damaged_repository_is_not_served(repository: Path, damage: str) -> None:
    """Triton would load it without a word and answer with noise; the file is named."""
    file = next(repository.rglob("*.dense.weight.1.bin"))
    whole = file.read_bytes()
    if damage == "short":
        file.write_bytes(whole[:-1])
    else:
        file.unlink()
    try:
        said = refused("--triton-url", "a:1", "--model-repository", str(repository))
    finally:
        file.write_bytes(whole)
    assert str(repository) in said
    assert file.name in said
    choice("--triton-url", "a:1", "--model-repository", str(repository))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "triton"], "--triton-url HOST:PORT"),
        (["--triton-url", "http://a:8000", "--tokenizer", __file__], "HOST:PORT"),
        (["--triton-url", "a:1"], "--tokenizer DIR|FILE"),
        (["--triton-url", "a:1", "--tokenizer", "/nonexistent"], "no /nonexistent"),
        (["--triton-url", "a:1", "--model-repository", "/nonexistent"], "/nonexistent is no folder"),
        (["--triton-url", "a:1", "--threads", "2"], "--threads says nothing to the engine triton"),
        (["--engine", "llama", "--triton-url", "a:1"], "--triton-url says nothing to the engine llama"),
        (["--model", ".", "--tls-ca", "x"], "--tls-ca says nothing to the engine ctranslate2"),
        (["--engine", "memory", "--tokenizer", "x"], "--tokenizer says nothing to the engine memory"),
        (["--engine", "ctranslate2", "--model", "x.gguf"], "--target ctranslate2"),
        (["--engine", "ctranslate2"], "--target ctranslate2"),
        (["--engine", "llama", "--model", "."], "is a directory"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], says: str) -> None:
    """By the option's name, with what to do."""
    assert says in refused(*arguments)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_engine_is_made_as_it_was_chosen(engine: str, tokenizer_file: Path) -> None:
    """Nothing is loaded until it is started; what was chosen arrives in its settings."""
    chosen = EngineChoice(
        engine,
        "fish",
        Path("x"),
        tokenizer=tokenizer_file,
        urls=("a:1",),
        triton_model="t",
        tls_ca=Path("ca"),
        parallel=7,
        context=99,
        threads=3,
    )
    settings = settings_of(chosen.make())
    expected: dict[str, Any] = {
        "llama": {"name": "fish", "slots": 7, "context": 99, "threads": 3, "path": Path("x")},
        "ctranslate2": {"name": "fish", "slots": 7, "context": 99, "threads": 3, "tokenizer": tokenizer_file},
        "triton": {
            "name": "fish",
            "model": "t",
            "slots": 7,
            "context": 99,
            "urls": ("a:1",),
            "tls_ca": Path("ca"),
        },
        "memory": {"model": "fish", "slots": 7, "context_length": 99},
    }[engine]
    assert settings | expected == settings


def settings_of(engine: Engine) -> dict[str, Any]:
    settings = vars(engine).get("_settings") or vars(engine)["settings"]
    return {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
