"""What `pilotfish-backend` understands on its command line."""

import argparse
from pathlib import Path

from .argument_types import amount, count, port_or_any, positive
from .compose.arguments import add_arguments as add_compose_command
from .converter.commands import add_arguments as add_converter_commands
from .finetune.dataset.arguments import add_dataset
from .finetune.finetune_arguments import add_finetune
from .models.commands import add_arguments as add_model_commands
from .proxy.bind import PORT
from .proxy.settings import Limits
from .version import version

DEFAULTS = Limits()


def build_parser() -> argparse.ArgumentParser:
    """The parser. What it gives has ``command``, the command's name, beside that command's arguments."""
    parser = argparse.ArgumentParser(
        prog="pilotfish-backend", description="Serves a code model to editors over OpenAI's completions API."
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {version()}", help="print the version and exit"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    _add_serve(commands)
    _add_keys(commands)
    add_model_commands(commands)
    add_converter_commands(commands)
    add_dataset(commands)
    add_finetune(commands)
    add_compose_command(commands)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="serve a model",
        description="Serve a model until told to stop (Ctrl+C, SIGTERM; a second signal stops at once).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_SERVE_NOTES,
    )
    add = serve.add_argument
    add(
        "--engine",
        choices=("auto", "llama", "ctranslate2", "triton", "memory"),
        default="auto",
        help="auto (default): what runs the model, llama for a GGUF file, ctranslate2 for a folder, triton with "
        "--triton-url; memory: a stand-in for tests",
    )
    add(
        "--model",
        metavar="NAME|PATH",
        help="a pulled model's name, a .gguf file, or the folder of a converted model (default: the default model); "
        "with Triton, how clients call it",
    )
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s); others need API keys",
    )
    add(
        "--port",
        type=port_or_any,
        default=PORT,
        help="port to listen on, 0: any free one (default: %(default)s)",
    )
    add(
        "--parallel",
        type=positive,
        metavar="N",
        help="requests that are served at once (default: 2; with Triton, as many as it takes)",
    )
    add(
        "--context",
        type=positive,
        metavar="N",
        help="tokens that a prompt and its completion share (default: 4096 for a GGUF file, else the model's own)",
    )
    add("--threads", type=positive, metavar="N", help="CPU threads (default: as many as help)")
    add(
        "--idle-timeout",
        type=amount,
        default=0.0,
        metavar="S",
        help="stop after S seconds without a request (default: 0, never)",
    )
    add(
        "--state-file",
        type=Path,
        metavar="F",
        help="write where the server is to F while it takes connections",
    )
    add("--log-file", type=Path, metavar="F", help="log to F (rotated) instead of stderr")
    _add_triton(serve.add_argument_group("a model behind Triton"))
    keys = serve.add_argument_group("access")
    add = keys.add_argument
    add(
        "--api-key-file",
        type=Path,
        metavar="F",
        help="named keys' hashes (default: the file of 'keys', if it is there)",
    )
    add("--api-key-stdin", action="store_true", help="read one more key from standard input's first line")
    add("--tls-cert", type=Path, metavar="F", help="certificate chain (PEM)")
    add("--tls-key", type=Path, metavar="F", help="its private key (PEM)")
    add("--enable-copilot-token", action="store_true", help="answer /copilot_internal/v2/token")
    limits = serve.add_argument_group("limits")
    add = limits.add_argument
    add(
        "--queue",
        type=positive,
        default=DEFAULTS.queue,
        metavar="N",
        help="requests that may wait (default: %(default)s)",
    )
    add(
        "--request-timeout",
        type=amount,
        default=DEFAULTS.request_seconds,
        metavar="S",
        help="seconds for one request (default: %(default)g)",
    )
    add(
        "--max-body",
        type=positive,
        default=DEFAULTS.body_bytes,
        metavar="BYTES",
        help="of one request (default: 2 MiB)",
    )
    add(
        "--key-rate",
        type=amount,
        default=DEFAULTS.key_rate,
        metavar="N",
        help="requests a minute of one key (default: %(default)g, any)",
    )
    add(
        "--key-concurrency",
        type=count,
        default=DEFAULTS.key_concurrency,
        metavar="N",
        help="requests at once of one key (default: %(default)s; 0: any)",
    )


def _add_triton(triton: "argparse._ArgumentGroup") -> None:
    add = triton.add_argument
    add(
        "--triton-url",
        metavar="HOST:PORT[,...]",
        help="gRPC service of one or several Triton servers; requests go to the one with the fewest",
    )
    add("--triton-model", metavar="NAME", help="the model's name there (default: fastertransformer)")
    add(
        "--tokenizer",
        type=Path,
        metavar="DIR|FILE",
        help="the model's tokenizer.json (default: the one of --model-repository; for ctranslate2, beside the model)",
    )
    add(
        "--tls-ca",
        type=Path,
        metavar="F",
        help="certificates (PEM) by which the servers are known; without, no TLS",
    )
    add(
        "--model-repository",
        type=Path,
        metavar="DIR",
        help="what the servers load, where it can be seen from here: its files' sizes are checked first",
    )


_SERVE_NOTES = """\
The state file is JSON: pid, port, host, scheme, model, instance_id, version, started, api_key; only its owner can
read it. It is there while the port takes connections and goes when the server stops. Its server is the right one if
/health answers with the same instance_id. /health/ready is 503 (state "loading") until the engine has given a token.

A key on standard input does not show up in the process list or the environment; the named keys of the default file
then do not count. Exit status: 0 stopped, 1 the engine did not start, 2 can't serve like this."""


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser(
        "keys",
        help="make, list and revoke API keys",
        description="Make, list and revoke API keys. A running server heeds changes at once.",
    )
    actions = keys.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    add = actions.add_parser(
        "add",
        help="make a key and print it, once",
        description="Make a key and print it, once: only its hash is kept.",
    )
    listing = actions.add_parser("list", help="list the keys' names", description="List the keys' names.")
    revoke = actions.add_parser(
        "revoke", help="forget a key", description="Forget a key: requests with it are refused."
    )
    for action in (add, revoke):
        action.add_argument("name", metavar="NAME", help="whose key it is")
    for action in (add, listing, revoke):
        action.add_argument(
            "--api-key-file",
            type=Path,
            metavar="F",
            help="named keys' hashes (default: keys.json beside the user's config.toml)",
        )
    add.add_argument(
        "--rate", type=amount, metavar="N", help="requests a minute (default: the server's; 0: any)"
    )
    add.add_argument(
        "--concurrency", type=count, metavar="N", help="requests at once (default: the server's; 0: any)"
    )
