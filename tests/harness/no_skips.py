"""The option ``--no-skips``: a test that was skipped has not passed.

A person without the model or the network sees skips and their reasons; where everything must have been run,
as in continuous integration, each of them is a failure.
"""

from collections.abc import Generator

import pytest

REFUSAL = "skipped, but --no-skips was given: "


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--no-skips", action="store_true", help="count tests that are skipped as failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the report of a skipped test into a failure's; expected failures stay what they are."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("no_skips"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = REFUSAL + reason
    return report
