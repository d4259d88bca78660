"""When to ask the backend, for how much, and how soon after the call before. Pure."""

import re
from collections.abc import Sequence
from enum import Enum

from pilotfish.lsp.budgets import budget_of
from pilotfish.lsp.filters.brackets import scan
from pilotfish.lsp.filters.suggestion import indentation
from pilotfish.lsp.syntax import syntax_of


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
_HEADER = re.compile(
    r"\s*(?:async\s+|pub\s+|static\s+|export\s+|default\s+)*"
    r"(?:def|class|if|elif|else|for|foreach|while|with|except|catch|switch|match|case|func|function|fn|impl|loop)\b"
)
"""A line that is not complete before a colon or a brace, whatever it ends with."""
_LOOKED_AT = 1000
"""Characters of the cursor's line that are looked at."""


def should_ask(
    before: str,
    after: str,
    *,
    automatic: bool,
    deletion: bool = False,
    document_chars: int = TINY_DOCUMENT,
) -> Skip | None:
    """Why not to ask, or None to ask. ``before`` and ``after`` are the parts of the cursor's line.

    Who asks by hand is always asked for.
    """
    if not automatic:
        return None
    if deletion:
        return Skip.DELETION  # whoever takes text back does not want more of it
    if document_chars < TINY_DOCUMENT:
        return Skip.TINY
    # Text in the middle of a line pushes the rest of it about, and few models see that rest.
    if not _CLOSERS.match(after):
        return Skip.INSIDE_LINE
    # Behind `)` or `;` most statements are complete, and what models add there is noise. A bracket that is still open,
    # in the line or by a closing one that the editor put to the right, and the header of a block call for more.
    before = before[-_LOOKED_AT:]
    if _ENDED.search(before) and not after.strip() and not _HEADER.match(before) and not scan(before).open:
        return Skip.STATEMENT_END
    return None


def mode(
    before: str,
    after: str,
    below: Sequence[str],
    *,
    automatic: bool,
    multiline: str,
    device: str,
    above: Sequence[str] = (),
    language: str = "",
) -> Mode:
    """Whether to ask for a line or a block.

    ``above`` and ``below`` are the lines around the cursor's, the nearest last and first; ``multiline`` is the setting.
    A block is offered where one begins and its body is not there yet, or when asked for by hand; on a CPU only by
    hand, since it takes a second or more.
    """
    if multiline == "never" or after.strip():
        return Mode.LINE
    if multiline == "always" or not automatic:
        return Mode.BLOCK
    if device == "cpu":
        return Mode.LINE
    opener = before if before.strip() else next(iter(reversed(above)), "")
    if not _opens_block(opener[-_LOOKED_AT:], language):
        return Mode.LINE
    following = next((line for line in below if line.strip()), "")
    has_body = bool(following) and indentation(following) > indentation(opener)
    return Mode.LINE if has_body else Mode.BLOCK


def _opens_block(line: str, language: str) -> bool:
    """Whether a block begins below a line, rather than the next argument of a call or the next item of a list."""
    line = line.rstrip()
    words = tuple(opener for opener in syntax_of(language).openers if opener.isalpha())
    last_word = re.search(r"\w*$", line)
    ends = last_word is not None and last_word.group() in words
    ends = ends or line.endswith(
        tuple(opener for opener in syntax_of(language).openers if not opener.isalpha())
    )
    return ends and (line.endswith("{") or not scan(line).open)


def call_spacing(device: str, typed_over: int, setting: int | None) -> int:
    """Milliseconds between the starts of two automatic calls.

    ``typed_over`` counts the suggestions in a row that the user typed something else over; ``setting`` is the user's
    wish, None for automatic.
    """
    if setting is not None:
        return setting
    shortest = CPU_SPACING if device == "cpu" else REMOTE_SPACING
    return min(LONGEST_SPACING, int(shortest * 1.25 ** min(20, max(0, typed_over - 2))))


def max_tokens(wanted: Mode, *, device: str, fim: bool) -> int:
    """The longest answer to ask for."""
    budget = budget_of(device, fim=fim)
    return budget.block if wanted is Mode.BLOCK else budget.line
