"""From what ``serve`` is told to the engine and its model: the engine follows from the model."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from .models.errors import ModelError
from .proxy.engines.choose import TRITON_MODEL, AddressError, EngineChoice, parse_urls

AUTO = "auto"
_TOKENIZER = "tokenizer.json"
_OF_TRITON = ("triton_url", "triton_model", "tls_ca", "model_repository")
_MEANINGLESS: Mapping[str, tuple[str, ...]] = {
    "llama": (*_OF_TRITON, "tokenizer"),
    "ctranslate2": _OF_TRITON,
    "triton": ("threads",),
    "memory": (*_OF_TRITON, "tokenizer"),
}
"""Options that say nothing to an engine: somebody who gives one expects something that will not happen."""
_SHOWN_PROBLEMS = 20


def engine_of(options: Namespace) -> str:
    """The engine by the name of ``--engine``: what was said, or else what runs such a model."""
    if options.engine != AUTO:
        return str(options.engine)
    if options.triton_url is not None or options.model_repository is not None:
        return "triton"
    return "ctranslate2" if Path(options.model or "").expanduser().is_dir() and options.model else "llama"


def choose(options: Namespace, *, cache_dir: Path | None) -> EngineChoice:
    """What to serve. Raises ``ModelError`` that names what is wrong and what to do."""
    engine = engine_of(options)
    for name in _MEANINGLESS[engine]:
        if getattr(options, name) is not None:
            raise ModelError(f"--{name.replace('_', '-')} says nothing to the engine {engine}.")
    return _CHOICES[engine](options, cache_dir)


def _llama(options: Namespace, cache_dir: Path | None) -> EngineChoice:
    from .models.catalogue import DEFAULT_MODEL
    from .models.local import resolve_model

    model = resolve_model(options.model or DEFAULT_MODEL, cache_dir=cache_dir)
    return EngineChoice(
        "llama",
        model.name,
        model.path,
        parallel=options.parallel,
        context=options.context,
        threads=options.threads,
    )


def _ctranslate2(options: Namespace, _: Path | None) -> EngineChoice:
    folder = Path(options.model or "").expanduser()
    if not options.model or not folder.is_dir():
        raise ModelError(
            f"--model: expected the folder of a converted model, not {options.model or 'nothing'}. "
            "Make one with: pilotfish-backend convert CHECKPOINT --out DIR --target ctranslate2"
        )
    folder = folder.resolve()
    return EngineChoice(
        "ctranslate2",
        _name(folder) or folder.name,
        folder,
        tokenizer=_existing_tokenizer(options.tokenizer),
        parallel=options.parallel,
        context=options.context,
        threads=options.threads,
    )


def _triton(options: Namespace, _: Path | None) -> EngineChoice:
    model = options.triton_model or TRITON_MODEL
    repository: Path | None = options.model_repository
    if options.triton_url is None:
        raise ModelError(
            "The engine triton needs --triton-url HOST:PORT, the gRPC service of a Triton server."
        )
    try:
        urls = parse_urls(options.triton_url)
    except AddressError as error:
        raise ModelError(str(error)) from error
    if repository is not None:
        _check_repository(repository)
    tokenizer: Path | None = options.tokenizer
    if tokenizer is None and repository is not None:
        tokenizer = repository / model / "tokenizer"
    if tokenizer is None:
        raise ModelError(
            "Triton speaks in token ids: give --tokenizer DIR|FILE, the model's tokenizer.json or its folder, "
            "or --model-repository DIR that has one."
        )
    return EngineChoice(
        "triton",
        options.model or _name(repository) or model,
        tokenizer=_existing_tokenizer(tokenizer),
        urls=urls,
        triton_model=model,
        tls_ca=options.tls_ca,
        parallel=options.parallel,
        context=options.context,
    )


def _memory(options: Namespace, _: Path | None) -> EngineChoice:
    return EngineChoice(
        "memory", options.model or "memory", parallel=options.parallel, context=options.context
    )


_CHOICES: Mapping[str, Callable[[Namespace, Path | None], EngineChoice]] = {
    "llama": _llama,
    "ctranslate2": _ctranslate2,
    "triton": _triton,
    "memory": _memory,
}


def _existing_tokenizer(path: Path | None) -> Path | None:
    if path is None:
        return None
    file = path / _TOKENIZER if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"--tokenizer: there is no {file}.")
    return file


def _check_repository(repository: Path) -> None:
    """Refuse what Triton would load without a word, and answer with noise."""
    from .converter.check import check_sizes

    if problems := check_sizes(repository):
        shown = [f"  {problem}" for problem in problems[:_SHOWN_PROBLEMS]]
        if more := len(problems) - len(shown):
            shown.append(f"  and {more} more")
        raise ModelError(
            "\n".join(
                [f"--model-repository: {repository} can't be served as it is:", *shown, "Convert again."]
            )
        )


def _name(repository: Path | None) -> str | None:
    """What the repository's own manifest calls the model."""
    from .converter.manifest import NAME, Manifest
    from .converter.problems import ConvertError

    if repository is None or not (repository / NAME).is_file():
        return None
    try:
        return Manifest.read(repository).source or None
    except ConvertError as error:
        raise ModelError(str(error)) from error
