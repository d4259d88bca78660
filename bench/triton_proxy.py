"""Measures the proxy in front of a real Triton server with a scripted model.

    PYTHONPATH=tests:bench python -P bench/triton_proxy.py [SCENARIO ...] [--quick] [--json PATH]

Overheads and throughputs are taken in turns with direct gRPC to the same Triton in the same run. Prints a table,
writes JSON, and exits with 1 when a target was missed. Needs Triton: ``make triton``.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from harness.triton import missing
from scenarios.report import Row, machine, table, write
from triton_scenarios import SCENARIOS

RESULTS = Path(__file__).parent / "results" / "triton.json"


def main() -> int:
    """Run what the command line names; the exit status."""
    parser = argparse.ArgumentParser(description="Measure the proxy in front of Triton.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="fewer samples; for trying things out")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if (reason := missing()) is not None:
        parser.error(reason)
    facts = machine()
    rows: list[Row] = []
    for name in arguments.scenarios or SCENARIOS:
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                rows += asyncio.run(SCENARIOS[name](Path(folder), quick=arguments.quick))
        except (AssertionError, TimeoutError) as error:
            # One scenario that can't be finished must not hide the numbers of the others.
            reason = (" ".join(str(error).split()) or type(error).__name__)[-200:]
            rows.append(Row(name, "finished", 0, "", 1, "==", note=reason))
        sys.stderr.write(f"{name} ({time.monotonic() - started:.0f} s)\n")
    sys.stdout.write(table(rows) + "\n")
    write(arguments.json, rows, facts)
    missed = sum(row.passed is False for row in rows)
    sys.stdout.write(f"\n{missed} targets missed; {arguments.json}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
