"""Source text that tests and benchmarks type, with places where a completion is expected."""

from dataclasses import dataclass

REFERENCE = '''"""Orders of a small shop."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Order:
    """One order as the web form sends it."""

    number: int
    customer: str
    lines: list[tuple[str, int]]

    def total(self, prices: dict[str, int]) -> int:
        """What the customer pays, in cents."""
        return sum(prices[name] * count for name, count in self.lines)

    def heaviest(self, weights: dict[str, float]) -> str:
        """Name of the article that weighs most."""
        return max(self.lines, key=lambda line: weights[line[0]] * line[1])[0]


def load(path: Path) -> list[Order]:
    """Read every order of a file."""
    records = json.loads(path.read_text(encoding="utf-8"))
    orders = [Order(record["number"], record["customer"], record["lines"]) for record in records]
    return sorted(orders, key=lambda order: order.number)


def report(orders: list[Order], prices: dict[str, int]) -> str:
    """A line for each order, and the sum."""
    rows = [f"{order.number:6} {order.customer:20} {order.total(prices):8}" for order in orders]
    return "\\n".join([*rows, f"total {sum(order.total(prices) for order in orders):8}"])
'''
DIVERGENCE = "zebra_crossing_of_quite_another_kind + unrelated_name_that_nobody_types_here + 1234567890\n"
"""What the mock says once it has diverged: a line that occurs nowhere in the reference."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a reference text where the rest of the line is yet to be typed."""

    reference: str
    offset: int

    @property
    def text(self) -> str:
        """The document before typing: the reference without the rest of this line."""
        return self.reference[: self.offset] + self.reference[self.offset + len(self.rest) :]

    @property
    def rest(self) -> str:
        """The rest of the line, which is to be typed or suggested."""
        end = self.reference.find("\n", self.offset)
        return self.reference[self.offset : len(self.reference) if end < 0 else end]


def place(marker: str, reference: str = REFERENCE) -> Place:
    """The place just before the first occurrence of `marker`. Raises ValueError."""
    return Place(reference, reference.index(marker))


SUM = place("sum(prices[name]")
"""62 characters of one line are left to type; the place that most tests use."""
MAX = place("max(self.lines")
