"""The command line of ``pilotfish``: reads arguments and environment, and hands both on.

Without a subcommand it is the language server on standard input and output. Whatever is not needed to answer
``initialize`` is imported later, so that an editor's start is not held up.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def main() -> int:
    """Run ``pilotfish`` with the process's arguments; return its exit status."""
    # Importing some thousand protocol classes sets off a hundred collections, a tenth of the start. What they would
    # have found goes when the editor has its first answer.
    import gc

    gc.set_threshold(100_000)
    if sys.argv[1:] in ([], ["--stdio"]):
        return _serve(tcp=None, log_file=None)
    arguments = _parser().parse_args()
    run = {"complete": _complete, "demo": _demo, "doctor": _doctor, "setup": _setup}.get(
        arguments.command or "", _serve_as_told
    )
    return run(arguments)


def _parser() -> "argparse.ArgumentParser":
    import argparse

    parser = argparse.ArgumentParser(
        prog="pilotfish",
        description="Ghost-text code completion in any LSP editor. Without a command: the language server on stdio.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--stdio", action="store_true", help="serve on standard input and output (the default)"
    )
    parser.add_argument(
        "--tcp", type=int, metavar="PORT", help="serve one client on 127.0.0.1:PORT (0: any free port)"
    )
    parser.add_argument(
        "--log-file", type=Path, metavar="FILE", help="log to FILE; nothing that you type is logged"
    )
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")

    def command(name: str, does: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")

    complete = command("complete", "ask once at FILE:LINE:COL; show prompt, timing and text")
    complete.add_argument("place", metavar="FILE:LINE:COL", help="line and column count from 1")
    complete.add_argument("--json", action="store_true", help="print one JSON object")
    demo = command("demo", "watch a real model complete real code in this terminal")
    demo.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="type into a copy of this file (default: one of Python's own library)",
    )
    doctor = command("doctor", "check the installation and say what to do")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    setup = command("setup", "print the lines that make an editor use Pilotfish")
    setup.add_argument("editor", nargs="?", metavar="EDITOR", help="for which; without it, list them")
    setup.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="which of the editor's files the lines are for, where it has several",
    )
    return parser


def _serve_as_told(arguments: "argparse.Namespace") -> int:
    if arguments.version:
        from pilotfish.lsp.version import VERSION

        sys.stdout.write(f"pilotfish {VERSION}\n")
        return 0
    return _serve(tcp=arguments.tcp, log_file=arguments.log_file)


def _serve(*, tcp: int | None, log_file: Path | None) -> int:
    import os

    from pilotfish.lsp.logs import log_to, quiet_foreign
    from pilotfish.lsp.server import create_server

    quiet_foreign()
    server = create_server(dict(os.environ))
    if log_file is not None:
        log_to(log_file)
    if tcp is not None:
        from pilotfish.lsp.tcp import serve_tcp

        return serve_tcp(server, tcp)
    server.start_io()
    return 0 if server.shut_down else 1


def _complete(arguments: "argparse.Namespace") -> int:
    import os

    from pilotfish.lsp.ask_once import run

    return run(arguments.place, as_json=arguments.json, environment=dict(os.environ))


def _demo(arguments: "argparse.Namespace") -> int:
    import os

    from pilotfish.lsp.demo import run

    return run(arguments.file, dict(os.environ))


def _doctor(arguments: "argparse.Namespace") -> int:
    import os

    from pilotfish.lsp.doctor import run

    return run(as_json=arguments.json, environment=dict(os.environ))


def _setup(arguments: "argparse.Namespace") -> int:
    from pilotfish.lsp.setup import run

    return run(arguments.editor, arguments.file, program=sys.argv[0])


if __name__ == "__main__":
    sys.exit(main())
