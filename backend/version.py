"""The version of what is installed."""

from functools import cache


@cache
def version() -> str:
    """The distribution's version; "0" where pilotfish runs from files that were never installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("pilotfish")
    except PackageNotFoundError:
        return "0"
