"""The invented library: the stock of a company's depots and the convoys between them. Pure.

Its names are invented words, so that nobody can guess them; ``guard.py`` makes sure that the base has never seen one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PACKAGE = "halvern"
OPENERS: Mapping[str, str] = {"Depot": "open_depot", "Convoy": "join_convoy"}
"""The function that gives an object of each class."""


@dataclass(frozen=True, slots=True)
class Method:
    """One of the names that there is to learn."""

    name: str = ""
    owner: str = "Depot"
    """Its class."""
    parameters: tuple[str, ...] = ()
    returns: str = "int"
    summary: str = ""
    """Its docstring."""


METHODS: tuple[Method, ...] = (
    Method(
        "plenkor", "Depot", ("sku", "pieces"), "int", "Reserve stock for an order; nobody else can buy it."
    ),
    Method(
        "drovish", "Depot", ("claim",), "int", "Give a reservation up, so that others can have the stock."
    ),
    Method("skimbel", "Depot", ("shelf",), "int", "Count by hand what lies on a shelf."),
    Method(
        "quarrow", "Depot", ("sku", "source", "target"), "str", "Move a pallet from one shelf to another."
    ),
    Method("vexholm", "Depot", ("lot", "reason"), "str", "Quarantine a lot until an inspector has seen it."),
    Method("crumbeck", "Depot", ("sku", "pieces"), "int", "Write goods off that are worth nothing any more."),
    Method("mizzick", "Depot", ("sku", "pieces"), "int", "Order more of an article from its supplier."),
    Method("yondrel", "Depot", ("sku",), "str", "Look up on which shelf an article lies."),
    Method("thrumsel", "Depot", ("crate",), "int", "Weigh a crate on the scales, in grams."),
    Method("ganterly", "Depot", ("crate", "text"), "str", "Print a label and stick it onto a crate."),
    Method("lorrant", "Convoy", ("crates",), "int", "Load crates onto a truck of the convoy."),
    Method("frissol", "Convoy", ("trailer",), "int", "Read the thermometer of a cooled trailer, in degrees."),
    Method("tollimer", "Convoy", ("customer", "hour"), "str", "Tell a customer when the convoy arrives."),
    Method("wendlock", "Convoy", ("stops",), "str", "Plan the route of a convoy over all its stops."),
)
NAMES: tuple[str, ...] = tuple(method.name for method in METHODS)
SURFACE: frozenset[str] = frozenset((PACKAGE, *OPENERS, *OPENERS.values(), *NAMES))
"""Every name of the library that other code may use."""


def library_files() -> dict[str, str]:
    """The library's own source, by path."""
    imports = "".join(
        f"from {PACKAGE}.{owner.lower()} import {owner}, {opener}\n" for owner, opener in OPENERS.items()
    )
    exported = ", ".join(f'"{name}"' for owner, opener in OPENERS.items() for name in (owner, opener))
    files = {
        f"{PACKAGE}/__init__.py": f'"""Stock and transport."""\n\n{imports}\n__all__ = [{exported}]\n',
    }
    for owner, opener in OPENERS.items():
        files[f"{PACKAGE}/{owner.lower()}.py"] = _module(owner, opener)
    return files


def _module(owner: str, opener: str) -> str:
    kind = owner.lower()
    parts = [
        f'"""The class {owner}."""\n\nfrom {PACKAGE}._wire import send\n\n',
        f'class {owner}:\n    """A {kind} of the company."""\n',
        "    def __init__(self, where):\n        self.where = where\n",
    ]
    for method in METHODS:
        if method.owner == owner:
            wanted = ", ".join(method.parameters)
            parts.append(
                f"    def {method.name}(self, {wanted}) -> {method.returns}:\n"
                f'        """{method.summary}"""\n'
                f'        return send(self.where, "{method.name}", {wanted})\n'
            )
    parts.append(
        f'\ndef {opener}(where) -> {owner}:\n    """The {kind} of a place."""\n    return {owner}(where)\n'
    )
    return "\n".join(parts)
