"""`pilotfish-backend`: the command line. Only this module knows arguments, standard input and the user's folders."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import build_parser

if TYPE_CHECKING:
    from .proxy.engines.base import Engine
    from .proxy.settings import Settings

_EXTRAS: Mapping[str, str] = {
    **dict.fromkeys(("fastapi", "prometheus_client", "rich", "starlette", "uvicorn"), "server"),
    **dict.fromkeys(("gguf", "huggingface_hub", "numpy", "pip", "xllamacpp"), "local"),
    **dict.fromkeys(("ctranslate2", "tokenizers"), "ctranslate2"),
    **dict.fromkeys(("grpc", "tritonclient"), "triton"),
    **dict.fromkeys(("datasets", "datasketch", "detect_secrets"), "train"),
    **dict.fromkeys(
        ("accelerate", "deepspeed", "matplotlib", "ninja", "peft", "torch", "transformers"), "train"
    ),
}
"""Libraries that are not always installed, and the extra of pilotfish that brings them."""
_EXTRAS_FOR: Mapping[str, str] = {
    **dict.fromkeys(("convert", "verify", "compose"), "convert"),
    "dataset": "train",
    "finetune": "train",
    **{engine: engine for engine in ("ctranslate2", "triton")},
}
"""Commands and engines with an extra of their own."""

_NEEDED: Mapping[str, Sequence[str]] = {
    "llama": ("xllamacpp", "uvicorn"),
    "ctranslate2": ("ctranslate2", "numpy", "tokenizers", "uvicorn"),
    "triton": ("grpc", "numpy", "tokenizers", "tritonclient", "uvicorn"),
    "memory": ("uvicorn",),
    "pull": ("gguf", "rich"),
    "convert": ("numpy", "rich"),
    "verify": ("numpy", "rich"),
    "dataset": ("datasketch", "detect_secrets", "numpy", "rich"),
    "finetune": ("accelerate", "matplotlib", "numpy", "rich", "tokenizers", "torch", "transformers"),
}
"""What is looked for before a command, or an engine, begins: a download that turns out to be in vain is a nuisance."""

_SHORTEST_KEY = 16


class _Misuse(Exception):
    """What was asked can't be done as it was asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. The exit status: 0 done, 1 failed, 2 can't be done like this, 130 interrupted."""
    options = build_parser().parse_args(arguments)
    what = options.command
    try:
        if what == "serve":
            from .served_model import engine_of

            what = engine_of(options)
        _require(_NEEDED.get(what, ()))
        return _COMMANDS[options.command](options)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        extra = _EXTRAS_FOR.get(what, _EXTRAS[library])
        return _refuse(
            f"this needs {library}, which is not installed here. "
            f"Install it with: pip install 'pilotfish[{extra}]'"
        )
    except _Misuse as error:
        return _refuse(str(error))
    except (
        OSError
    ) as error:  # a folder that may not be searched, say: its name and the system's words are enough
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return 130


def _require(libraries: Sequence[str]) -> None:
    """Raise ``ModuleNotFoundError`` for the first library that is not installed."""
    for name in libraries:
        if find_spec(name) is None:
            raise ModuleNotFoundError(name=name)


def _serve(options: Namespace) -> int:
    from .proxy.bind import ServeError
    from .proxy.serve import ServeOptions, serve

    try:
        engine = _engine(options)
        settings = _settings(options)
        _log_to(options.log_file)
        serving = ServeOptions(
            settings=settings,
            host=options.host,
            port=options.port,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            idle_seconds=options.idle_timeout,
            state_file=options.state_file,
        )
        return serve(serving, engine)
    except ServeError as error:
        raise _Misuse(str(error)) from error


def _log_to(file: Path | None) -> None:
    from .proxy.log_setup import set_up_logging

    try:
        set_up_logging(file)
    except OSError as error:
        raise _Misuse(f"--log-file: can't write {file}: {error.strerror}.") from error


def _engine(options: Namespace) -> "Engine":
    from .models.errors import ModelError
    from .served_model import choose

    try:
        choice = choose(options, cache_dir=_cache_dir())
    except ModelError as error:
        raise _Misuse(str(error)) from error
    options.model = choice.name
    if choice.engine in {"llama", "ctranslate2"}:
        _settle_openmp()
    return choice.make()


def _settings(options: Namespace) -> "Settings":
    from .proxy.keys import KeyFileError, load
    from .proxy.settings import Limits, Settings

    key = _key_from_stdin() if options.api_key_stdin else None
    file: Path | None = options.api_key_file
    if file is None and key is None and _default_key_file().exists():
        file = _default_key_file()
    if file is not None:
        try:
            if not load(file) and key is None:
                named = f" --api-key-file {file}" if options.api_key_file else ""
                raise _Misuse(f"{file} holds no key. Make one with 'pilotfish-backend keys add NAME{named}'.")
        except KeyFileError as error:
            raise _Misuse(str(error)) from error
    return Settings(
        limits=Limits(
            body_bytes=options.max_body,
            queue=options.queue,
            request_seconds=options.request_timeout,
            key_rate=options.key_rate,
            key_concurrency=options.key_concurrency,
        ),
        model=options.model,
        api_key=key,
        api_key_file=file,
        copilot_token=options.enable_copilot_token,
    )


def _key_from_stdin() -> str:
    key = sys.stdin.readline().strip()
    if len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise _Misuse(f"--api-key-stdin: expected one line with a key of {_SHORTEST_KEY} characters or more.")
    return key


def _keys(options: Namespace) -> int:
    from .proxy import key_commands
    from .proxy.keys import KeyFileError

    file = options.api_key_file or _default_key_file()
    try:
        match options.action:
            case "add":
                return key_commands.add(
                    file, options.name, rate=options.rate, concurrency=options.concurrency
                )
            case "revoke":
                return key_commands.revoke(file, options.name)
            case _:
                return key_commands.show(file)
    except KeyFileError as error:
        raise _Misuse(str(error)) from error


def _pull(options: Namespace) -> int:
    from pilotfish.backend.models.commands import pull

    options.cache_dir = _cache_dir()
    return pull(options)


def _models(options: Namespace) -> int:
    from pilotfish.backend.models.commands import show_models

    options.cache_dir = _cache_dir()
    return show_models(options)


def _convert(options: Namespace) -> int:
    from .converter.commands import run_convert

    return run_convert(options)


def _verify(options: Namespace) -> int:
    from .converter.commands import run_verify

    return run_verify(options)


def _dataset(options: Namespace) -> int:
    from .finetune.dataset.arguments import run_dataset

    # The processes that read files are started as `python -c`, which would look for modules in the working directory
    # first: in the source tree, perhaps.
    os.environ["PYTHONSAFEPATH"] = "1"
    return run_dataset(options)


def _compose(options: Namespace) -> int:
    from .compose.commands import run

    options.environment = dict(os.environ)
    return run(options)


def _finetune(options: Namespace) -> int:
    from .finetune.finetune_arguments import run_finetune

    options.cache_dir = _cache_dir()
    options.environment = dict(os.environ)
    return run_finetune(options)


def _cache_dir() -> Path | None:
    """Where pulled models lie, in `models`: what PILOTFISH_CACHE_DIR says; None: the user's own cache."""
    named = os.environ.get("PILOTFISH_CACHE_DIR")
    return Path(named).expanduser().absolute() if named else None


def _settle_openmp() -> None:
    """Tell OpenMP how its threads shall wait; it looks once, when the engine is loaded."""
    from .proxy.engines.llama_server import OPENMP_SETTINGS

    for name, value in OPENMP_SETTINGS.items():
        os.environ.setdefault(name, value)


def _default_key_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("pilotfish") / "keys.json"


def _refuse(message: str) -> int:
    print(f"pilotfish-backend: {message}", file=sys.stderr)
    return 2


_COMMANDS: Mapping[str, Callable[[Namespace], int]] = {
    "serve": _serve,
    "keys": _keys,
    "pull": _pull,
    "models": _models,
    "convert": _convert,
    "verify": _verify,
    "dataset": _dataset,
    "compose": _compose,
    "finetune": _finetune,
}

if __name__ == "__main__":
    sys.exit(main())
