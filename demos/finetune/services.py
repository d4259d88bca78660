"""The private tree: the library, and the little services of the company that call it. Pure; a seed decides.

What names the method to call is what a comment or a docstring says above the call, in many wordings; objects, functions
and files have names that say nothing.
"""

import random
from collections.abc import Sequence

from finetune.library import METHODS, OPENERS, PACKAGE, Method, library_files
from finetune.wording import WORDING

FILES = 560
_FOLDERS = (
    *("orders", "stock", "billing", "transport", "gate", "office"),
    *("reports", "jobs", "web", "support", "planning", "cold"),
)
_KINDS = (
    "worker",
    "service",
    "handler",
    "tasks",
    "desk",
    "queue",
    "steps",
    "rules",
    "flow",
    "hooks",
    "routine",
)
_PURPOSES = (
    *("Jobs of the {} team.", "What the {} service does.", "Steps that {} needs."),
    *("Part of {}.", "The {} routines."),
)
_VERBS = ("handle", "process", "run", "work_off", "finish", "start", "take", "serve", "pass_on")
_TIMES = (
    *("nightly", "daily", "hourly", "morning", "late", "first"),
    *("next", "open", "old", "new", "single", "pending"),
)
_NOUNS = (
    *("order", "line", "item", "entry", "record", "job", "task"),
    *("event", "request", "row", "note", "case", "batch", "ticket"),
)
_PLACES = ("place", "town", "area", "where")
_RESULTS = ("result", "answer", "outcome", "done")
_OBJECTS = {
    "Depot": ("depot", "store", "stock", "site", "hall", "warehouse", "inventory", "base", "house"),
    "Convoy": ("convoy", "fleet", "trucks", "caravan", "column", "transport", "lorries"),
}
_TOWNS = (
    *("ash", "bay", "cor", "dun", "elm", "fir", "gar", "hol", "ivy", "kel"),
    *("lea", "mor", "nor", "oak", "pem", "red", "sal", "tor", "wes", "yar"),
)
_TOWN_ENDS = ("ford", "ton", "ley", "gate", "mill", "den")
_BETWEEN = (
    '    log.info("{0} %s", {0}.key)',
    "    if {0} is None:\n        return None",
    '    counts["{0}"] += 1',
    "    assert {0} is not None",
)
"""Lines that have nothing to do with the library."""


def private_tree(seed: int, files: int = FILES) -> dict[str, str]:
    """The sources by path: the library's, and ``files`` services."""
    dice = random.Random(seed)
    deal = _Deal(dice)
    tree = library_files()
    wanted = len(tree) + files
    while len(tree) < wanted:
        folder = dice.choice(_FOLDERS)
        name = "_".join((dice.choice(_TIMES), dice.choice(_NOUNS), dice.choice(_KINDS)))
        path = f"services/{folder}/{name}.py"
        if path not in tree:
            tree[path] = _service(dice, deal, folder)
    return tree


class _Deal:
    """Gives the methods of a class in turn, like cards, so that each is as frequent as the others."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._decks: dict[str, list[Method]] = {owner: [] for owner in OPENERS}

    def take(self, owner: str) -> Method:
        deck = self._decks[owner]
        if not deck:
            deck += [method for method in METHODS if method.owner == owner]
            self._dice.shuffle(deck)
        return deck.pop()


def _service(dice: random.Random, deal: _Deal, folder: str) -> str:
    functions, owners = [], set()
    for _ in range(dice.randint(2, 4)):
        owner = dice.choice(METHODS).owner
        owners.add(owner)
        methods = [deal.take(owner) for _ in range(dice.choice((1, 1, 2, 3, 3, 4)))]
        functions.append(_steps(dice, methods) if len(methods) > 1 else _single(dice, methods[0]))
    imported = ", ".join(sorted(OPENERS[owner] for owner in owners))
    head = f'"""{dice.choice(_PURPOSES).format(folder)}"""\n\nfrom {PACKAGE} import {imported}\n'
    return "\n\n".join((head, *functions))


def _single(dice: random.Random, method: Method) -> str:
    """A function that does one thing, which its docstring says."""
    noun, object_ = dice.choice(_NOUNS), _object(dice, method.owner)
    lines = [_header(dice, noun), f'    """{_sentence(_saying(dice, method))}"""']
    lines.append(_opening(dice, method.owner, noun, object_))
    if dice.random() < 0.25:
        lines.insert(dice.randint(2, 3), dice.choice(_BETWEEN).format(noun))
    if dice.random() < 0.25:
        lines.append(f"    # {_saying(dice, method)}")
    called = _call(method, noun, object_)
    lines.append(
        dice.choice((f"    {called}", f"    return {called}", f"    {_result(dice, method)} = {called}"))
    )
    return "\n".join(lines) + "\n"


def _steps(dice: random.Random, methods: Sequence[Method]) -> str:
    """A function that does several things, each said in a comment, the first maybe in the docstring."""
    owner = methods[0].owner
    noun, object_ = dice.choice(_NOUNS), _object(dice, owner)
    sayings = [_saying(dice, method) for method in methods]
    lines = [_header(dice, noun), _opening(dice, owner, noun, object_)]
    if dice.random() < 0.1:
        lines.insert(dice.randint(1, 2), dice.choice(_BETWEEN).format(noun))
    if dice.random() < 0.5:
        lines.insert(1, f'    """{_sentence(sayings[0])}"""')
        sayings[0] = ""
    for method, saying in zip(methods, sayings, strict=True):
        called = _call(method, noun, object_)
        named = f"{_result(dice, method)} = {called}"
        lines += [f"    # {saying}"] if saying else []
        lines.append(f"    {dice.choice((called, named))}")
    return "\n".join(lines) + "\n"


def _header(dice: random.Random, noun: str) -> str:
    return f"def {dice.choice(_VERBS)}_{dice.choice(_TIMES)}_{noun}({noun}):"


def _opening(dice: random.Random, owner: str, noun: str, object_: str) -> str:
    return f"    {object_} = {OPENERS[owner]}({noun}.{dice.choice(_PLACES)})"


def _call(method: Method, noun: str, object_: str) -> str:
    given = ", ".join(f"{noun}.{parameter}" for parameter in method.parameters)
    return f"{object_}.{method.name}({given})"


def _result(dice: random.Random, method: Method) -> str:
    return dice.choice((*WORDING[method.name].results, *_RESULTS))


def _object(dice: random.Random, owner: str) -> str:
    """A variable's name; many, so that no name says what is called on it."""
    plain, town = dice.choice(_OBJECTS[owner]), dice.choice(_TOWNS)
    names = (plain, town + dice.choice(_TOWN_ENDS), f"{town}_{plain}", f"{plain}_{dice.choice('abcdefgh')}")
    return dice.choice(names)


def _saying(dice: random.Random, method: Method) -> str:
    words = WORDING[method.name]
    deed, reason = dice.choice(words.deeds).format(dice.choice(words.objects)), dice.choice(words.reasons)
    if reason.startswith("and "):
        return f"{deed} {reason}"
    return dice.choice((f"{deed} {reason}", f"{deed} {reason}", deed, f"{reason}, {deed}"))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
