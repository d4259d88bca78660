"""Types of command-line arguments whose errors say what was expected."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from math import inf
from typing import TypeVar

Value = TypeVar("Value")
_MOST_PORTS = 65535


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` on, and up to ``most`` if there is such a bound."""
    bounds = f"from {least} on" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.strip().removeprefix("-").isdecimal() else None
        if number is None or number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"{text!r} is no whole number {bounds}")
        return number

    return read


def real(most: float | None = None) -> Callable[[str], float]:
    """A reader of numbers from 0 on, and up to ``most`` if there is such a bound."""
    bounds = "from 0 on" if most is None else f"from 0 to {most:g}"

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < inf or (most is not None and number > most):
            raise ArgumentTypeError(f"{text!r} is no number {bounds}")
        return number

    return read


def explained(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """A reader for the command line of one whose ``ValueError`` says what it expected."""

    def reread(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise ArgumentTypeError(f"{text!r}: {error}") from None

    return reread


count = whole(0)
positive = whole(1)
amount = real()
"""Such as seconds, or requests a minute."""
port_or_any = whole(0, _MOST_PORTS)
"""0: any free one."""
