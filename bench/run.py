"""Measures the language server against its targets: `make bench`, or `make bench ARGS="burst recovery"`.

    PYTHONPATH=tests:bench python -P bench/run.py [SCENARIO ...] [--quick] [--json PATH] [--list]

Prints a table, writes JSON, and exits with 1 when a target was missed. `real` (a real model, minutes) runs
only when it is named.
"""

import argparse
import asyncio
import inspect
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import real_model
from harness.processes import MockBackend
from scenarios import conduct_run, latency, real_backend, start, typing_run
from scenarios.report import Row, machine, table, write
from scenarios.session import Bench

Scenario = Callable[[Bench], Awaitable[list[Row]]]
SCENARIOS: Mapping[str, Scenario] = {
    "start": start.start,
    "memory": start.memory,
    "automatic": latency.automatic,
    "manual": latency.manual,
    "unrelated": latency.unrelated,
    "burst": typing_run.burst,
    "burst-cold": typing_run.burst_after_start,
    "keys-at-once": typing_run.keys_at_once,
    "keys-later": typing_run.keys_later,
    "diverge": typing_run.diverging,
    "type-through": typing_run.type_through,
    "cancel": conduct_run.cancel,
    "unanswered": conduct_run.unanswered,
    "down": latency.down,
    "recovery": conduct_run.recovery,
    "large": latency.large_file,
    "memory-300": conduct_run.many_keys,
    "secrets": conduct_run.secrets,
    "idle": conduct_run.idle,
}
"""Every scenario with the mock backend, in the order of the table."""
SLOW: Mapping[str, Scenario] = {
    "real": real_model.real,
    "real-long": real_model.real_long,
    "real-cancel": real_backend.cancel_in_prefill,
}
"""Scenarios with a real model, which take minutes: only by name."""
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Run what the command line names; the exit status."""
    arguments = _parser().parse_args()
    known = {**SCENARIOS, **SLOW}
    if arguments.list:
        for name, scenario in known.items():
            sys.stdout.write(f"{name:14}{(inspect.getdoc(scenario) or '').splitlines()[0]}\n")
        return 0
    if unknown := set(arguments.scenarios) - known.keys():
        sys.stderr.write(f"no such scenario: {', '.join(sorted(unknown))}; --list names them\n")
        return 2
    names = arguments.scenarios or list(SCENARIOS)
    facts = machine()
    rows = asyncio.run(_run({name: known[name] for name in names}, arguments))
    sys.stdout.write(table(rows) + "\n")
    write(arguments.json, rows, facts)
    missed = sum(row.passed is False for row in rows)
    met = sum(row.passed is True for row in rows)
    sys.stdout.write(f"\n{met} targets met, {missed} missed; {arguments.json}\n")
    return 1 if missed else 0


async def _run(scenarios: Mapping[str, Scenario], arguments: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    async with MockBackend() as mock:
        server = shlex.split(arguments.server.replace("{url}", mock.url))
        bench = Bench(mock, tuple(server), model=arguments.model)
        if arguments.quick:
            bench.repeat, bench.requests, bench.starts = 1, 30, 5
        for name, scenario in scenarios.items():
            began = time.monotonic()
            try:
                rows += await scenario(bench)
            except (AssertionError, TimeoutError) as error:
                # One scenario that cannot be finished must not hide the numbers of the others.
                reason = (str(error).splitlines() or ["an expectation did not hold"])[0][:200]
                rows.append(Row(name, "finished", 0, "", 1, "==", note=reason))
            sys.stderr.write(f"{name} ({time.monotonic() - began:.0f} s)\n")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the language server against its targets.")
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="default: all but those with a real model"
    )
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="fewer samples; for trying things out")
    parser.add_argument("--model", metavar="NAME|PATH", help="model of the scenarios with a real one")
    another = "another language server to compare with; {url} becomes the mock backend's"
    parser.add_argument("--server", default="", metavar="COMMAND", help=another)
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    return parser


if __name__ == "__main__":
    sys.exit(main())
