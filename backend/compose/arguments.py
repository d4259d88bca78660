"""The command line of ``pilotfish-backend compose``; what it does is elsewhere, so that ``--help`` stays quick."""

import argparse
from pathlib import Path

from pilotfish.backend.argument_types import count, explained, positive
from pilotfish.backend.converter.commands import QUANTIZATIONS
from pilotfish.backend.proxy.keys import key_name

from .sources import DEFAULT as DEFAULT_MODEL
from .sources import MODELS
from .team import DEFAULT_FOLDER, PROFILES, gpu_numbers, host_address, port_number

_WAIT_SECONDS = 1800


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its actions. Whoever runs it sets ``environment``, the process's own."""
    compose = commands.add_parser(
        "compose",
        help="run a team backend in containers",
        description="Run a team backend in containers: Triton, the proxy, and what watches them.",
    )
    actions = compose.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    _add_init(actions)
    up = _action(actions, "up", "start the containers, and wait until they serve")
    up.add_argument("--build", action="store_true", help="build the images anew")
    up.add_argument(
        "--wait",
        type=positive,
        default=_WAIT_SECONDS,
        metavar="S",
        help="give up after S seconds (default: %(default)s)",
    )
    _action(actions, "down", "stop the containers; model, keys and metrics stay")
    _action(actions, "status", "show containers and health; exit status 0 if it serves")
    logs = _action(actions, "logs", "show what the containers say")
    logs.add_argument("services", nargs="*", metavar="SERVICE", help="proxy, triton, … (default: all)")
    logs.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl+C")
    logs.add_argument("--tail", type=count, metavar="N", help="the last N lines of each (default: all)")
    bundle = _action(actions, "bundle", "put images, model and settings into one file")
    bundle.add_argument("out", type=Path, metavar="OUT.tar", help="the file to write")
    load = _action(actions, "load", "set up what 'bundle' wrote, without internet")
    load.add_argument("file", type=Path, metavar="BUNDLE.tar", help="the file to read")
    _add_keys(load)
    for action in actions.choices.values():
        action.add_argument(
            "--dir",
            type=Path,
            metavar="DIR",
            help=f"folder of the team backend (default: this one if it is one, or {DEFAULT_FOLDER} in it)",
        )


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str
) -> argparse.ArgumentParser:
    """A parser whose own help says of the action what the list of actions does."""
    return actions.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")


def _add_init(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    init = actions.add_parser(
        "init",
        help="make it: download, convert and verify a model, write the settings",
        description="Make a team backend, or change one. On a terminal, what no option says is asked.",
    )
    add = init.add_argument
    add(
        "--model",
        metavar="NAME|DIR",
        help=f"one of {', '.join(MODELS)} (default: {DEFAULT_MODEL}); MAKER/NAME of the hub; a folder with a CodeGen "
        "or GPT-J checkpoint, or with what 'convert' wrote",
    )
    add("--backend", choices=PROFILES, help="what serves (default: python with a GPU, cpu without)")
    add("--gpus", type=positive, metavar="N", help="use the first N GPUs (default: one)")
    add("--gpu-ids", type=explained(gpu_numbers), metavar="0,1", help="use these GPUs")
    add(
        "--quantization",
        choices=QUANTIZATIONS,
        metavar="TYPE",
        help=f"of the weights with python (default: float16) or cpu (int8): {', '.join(QUANTIZATIONS)}",
    )
    add("--port", type=explained(port_number), metavar="N", help="of the API on this host (default: 5000)")
    add(
        "--address",
        type=explained(host_address),
        metavar="A",
        help="of this host where the API is published (default: all; with API keys)",
    )
    add("--triton", metavar="HOST:PORT", help="use a Triton that runs elsewhere")
    add("--models", type=Path, metavar="DIR", help="where converted models lie (default: models)")
    add("--checkpoints", type=Path, metavar="DIR", help="where downloads lie (default: checkpoints)")
    _add_keys(init)
    add(
        "--monitoring", action=argparse.BooleanOptionalAction, default=None, help="Prometheus and Grafana too"
    )
    add(
        "--grafana-port",
        type=explained(port_number),
        metavar="N",
        help="of Grafana on 127.0.0.1 (default: 3000)",
    )
    add("--env", type=Path, metavar="F", help="begin with another .env, such as FauxPilot's")
    add("--quick", action="store_true", help="verify sizes and hashes, not what the model computes")
    add("--anew", action="store_true", help="convert the model even if that was done before")
    add("--yes", action="store_true", help="ask nothing")


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", type=Path, metavar="DIR", help="where API keys' hashes lie (default: keys)")
    parser.add_argument(
        "--key-name",
        type=explained(key_name),
        default="team",
        metavar="NAME",
        help="of the first key (default: %(default)s)",
    )
