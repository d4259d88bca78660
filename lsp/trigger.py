"""When to ask the backend, for how much, and how soon after the call before. Pure."""

import re
from collections.abc import Sequence
from enum import Enum

from pilotfish.lsp.budgets import budget_of


class Skip(Enum):
    """Why an automatic request is not worth a call."""

    DELETION = "the last edit only deleted"
    TINY = "there is too little text to go by"
    INSIDE_LINE = "more than closing brackets stands to the right"
    STATEMENT_END = "the statement looks complete"


class Mode(Enum):
    """How much to ask for."""

    LINE = "line"
    BLOCK = "block"


TINY_DOCUMENT = 10
"""Characters below which a document tells the model nothing."""
REMOTE_SPACING = 75
CPU_SPACING = 125
LONGEST_SPACING = 400
"""Milliseconds between the starts of two calls."""

_CLOSERS = re.compile(r"""[)\]}>"'`]*\s*[:{;,]?\s*$""")
"""What may stand right of the cursor: closers, and the punctuation that editors put behind them."""
_ENDED = re.compile(r"[)\]};]\s*$")
_BLOCK_OPENER = re.compile(r"(?:[:{]|=>|\bdo|\bthen)\s*$")


def should_ask(
    before: str, after: str, *, automatic: bool, deletion: bool = False, document_chars: int = TINY_DOCUMENT
) -> Skip | None:
    """Why not to ask, or None to ask. ``before`` and ``after`` are the parts of the cursor's line.

    Who asks by hand is always asked for.
    """
    if not automatic:
        return None
    if deletion:
        return Skip.DELETION  # whoever takes text back does not want more of it (tabby#2840)
    if document_chars < TINY_DOCUMENT:
        return Skip.TINY
    if not _CLOSERS.match(after):
        return Skip.INSIDE_LINE
    # Behind `)` or `;` most statements are complete, and what models add there is noise. A closer that the editor put
    # to the right shows that the bracket just typed was an inner one.
    if _ENDED.search(before) and not after.strip():
        return Skip.STATEMENT_END
    return None


def mode(
    before: str, after: str, below: Sequence[str], *, automatic: bool, multiline: str, device: str
) -> Mode:
    """Whether to ask for a line or a block.

    ``below`` are the lines under the cursor's; ``multiline`` is the setting. A block is offered where one begins and
    its body is not there yet, or when asked for by hand; on a CPU only by hand, since it takes a second or more.
    """
    if multiline == "never" or after.strip():
        return Mode.LINE
    if multiline == "always" or not automatic:
        return Mode.BLOCK
    if device == "cpu" or not _BLOCK_OPENER.search(before):
        return Mode.LINE
    indent = _indent(before)
    following = next((line for line in below if line.strip()), "")
    return Mode.LINE if following and _indent(following) > indent else Mode.BLOCK


def call_spacing(device: str, typed_over: int, setting: int | None) -> int:
    """Milliseconds between the starts of two automatic calls.

    ``typed_over`` counts the suggestions in a row that the user typed something else over; ``setting`` is the user's
    wish, None for automatic.
    """
    if setting is not None:
        return setting
    shortest = CPU_SPACING if device == "cpu" else REMOTE_SPACING
    return min(LONGEST_SPACING, int(shortest * 1.25 ** max(0, typed_over - 2)))


def max_tokens(wanted: Mode, *, device: str, fim: bool) -> int:
    """The longest answer to ask for."""
    budget = budget_of(device, fim=fim)
    return budget.block if wanted is Mode.BLOCK else budget.line


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())
