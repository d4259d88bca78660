"""Why tests were run once more: a test that fails at first and then passes has a cause that someone must find.

A plugin of pytest beside pytest-rerunfailures, which only counts them.
"""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the failure of every first run."""
    reports = terminalreporter.stats.get("rerun", [])
    if reports:
        terminalreporter.write_sep("=", f"{len(reports)} first runs failed and were repeated")
    for report in reports:
        terminalreporter.write_sep("-", f"{report.nodeid} ({report.when})")
        terminalreporter.write_line(report.longreprtext)
