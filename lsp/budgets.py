"""How much text goes into a prompt and comes back, by what the backend can do."""

from dataclasses import dataclass
from typing import Protocol

from pilotfish.lsp.windows import LIMIT

RESERVED_TOKENS = 8
"""Tokens of a context that are never planned with: special tokens, and estimates that are a little off."""
TOKEN_STEP = 0.25
"""The measured characters per token count in steps, so that prompts do not change with every answer."""
NOMINAL_CHARS_PER_TOKEN = 3.0
SMOOTHING = 0.2
"""How much one answer's count of tokens moves the estimate of characters per token."""
TOLERANCE = 0.25
"""By what share the estimate may differ from what budgets are made with."""


@dataclass(slots=True)
class Ratio:
    """Characters per token, learnt from the backend's counts.

    The estimate follows every answer, but what budgets are made with moves only when it is off by much: each change
    moves the windows of all documents, which costs a cold prefill.
    """

    used: float | None = None
    """What to plan with; None: nothing is known that would change the plan."""
    _estimate: float | None = None

    def saw(self, ratio: float) -> None:
        """Take note of one prompt's characters per token."""
        estimate = self._estimate
        self._estimate = ratio if estimate is None else estimate + SMOOTHING * (ratio - estimate)
        planned = self.used or NOMINAL_CHARS_PER_TOKEN
        if abs(self._estimate - planned) > TOLERANCE * planned:
            self.used = self._estimate


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens of one request."""

    prompt: int
    """All before the cursor, path header and imports included."""
    suffix: int
    """What follows the cursor."""
    imports: int
    """Imports that are pinned above the window, out of ``prompt``."""
    line: int
    """The answer where a line is asked for."""
    block: int
    """The answer where a block is asked for."""


# On a CPU each token of a prompt that is not cached costs 2 to 3 ms, and each answered one 10 ms. Elsewhere
# the answer's length is what one waits for.
BUDGETS: dict[tuple[str, bool], Budget] = {
    # device, model has fill-in-the-middle
    ("cpu", False): Budget(prompt=512, suffix=0, imports=64, line=24, block=96),
    ("cpu", True): Budget(prompt=432, suffix=80, imports=64, line=24, block=96),
    ("gpu", False): Budget(prompt=1280, suffix=0, imports=128, line=32, block=128),
    ("gpu", True): Budget(prompt=1792, suffix=256, imports=128, line=32, block=128),
}


def budget_of(device: str, *, fim: bool) -> Budget:
    """The budget for a device; one that is not known is taken for a server's GPU."""
    return BUDGETS["cpu" if device == "cpu" else "gpu", fim]


class Overrides(Protocol):
    """What the user wants otherwise, in tokens; None: as the table says. ``ContextSettings`` is one."""

    @property
    def prompt_tokens(self) -> int | None:
        """All before the cursor."""
        ...

    @property
    def suffix_tokens(self) -> int | None:
        """What follows the cursor."""
        ...

    @property
    def import_tokens(self) -> int | None:
        """Pinned imports."""
        ...


@dataclass(frozen=True, slots=True)
class _NoOverrides:
    prompt_tokens: int | None = None
    suffix_tokens: int | None = None
    import_tokens: int | None = None


AS_THE_TABLE_SAYS: Overrides = _NoOverrides()


@dataclass(frozen=True, slots=True)
class Style:
    """What the backend's model understands and how much fits, in characters."""

    fim: bool = False
    """Whether a suffix is understood."""
    line_start_fim: bool = False
    """Whether the typed part of the current line may stand after the middle token (``fim_middle``)."""
    whole_indents: bool = False
    """Whether runs of blanks are tokens of their own, so that a prompt may end with one."""
    prompt_chars: int = 1536
    """The whole prompt without the suffix. It grows to 1.25 times this before its window moves."""
    suffix_chars: int = 0
    """The lines below the cursor, beside the rest of its own line."""
    import_chars: int = 200
    """The pinned imports."""


def style_for(
    context_length: int | None,
    *,
    fim: bool = False,
    line_start_fim: bool = False,
    whole_indents: bool = False,
    device: str = "unknown",
    chars_per_token: float = NOMINAL_CHARS_PER_TOKEN,
    overrides: Overrides = AS_THE_TABLE_SAYS,
) -> Style:
    """The style for a model of ``context_length`` tokens (None: not announced, taken for 2048).

    ``chars_per_token`` is a guess or what the backend's counts have shown. The prompt at its longest, the suffix
    and the longest answer fit into the context together.
    """
    budget = budget_of(device, fim=fim)
    chars = max(1.0, chars_per_token // TOKEN_STEP * TOKEN_STEP)
    room = max(64, (context_length or 2048) - RESERVED_TOKENS - budget.block)
    suffix = min(_either(overrides.suffix_tokens, budget.suffix), room // 4) if fim else 0
    # The rest of the cursor's own line comes on top of the suffix and takes up to half as much again.
    prompt = min(_either(overrides.prompt_tokens, budget.prompt), int((room - suffix * 1.5) / LIMIT))
    imports = _either(overrides.import_tokens, budget.imports)
    return Style(
        fim=fim,
        line_start_fim=fim and line_start_fim,
        whole_indents=whole_indents,
        prompt_chars=int(prompt * chars),
        suffix_chars=int(suffix * chars),
        import_chars=min(int(imports * NOMINAL_CHARS_PER_TOKEN), int(prompt * chars) // 4),
    )


def _either(wanted: int | None, default: int) -> int:
    return default if wanted is None else wanted
