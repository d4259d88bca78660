"""The README's picture of what fine-tuning changes: some call sites, before and after."""

import io
import re
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from finetune.scoring import Outcome
from finetune.screen import panels

_WIDTH = 148
_SHOWN = 3


def svg(outcomes: Sequence[Outcome]) -> str:
    """The first call sites as a picture that needs nothing from elsewhere."""
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for number, outcome in enumerate(outcomes[:_SHOWN], 1):
        console.print(Columns(panels(number, outcome, _WIDTH // 2 - 1), padding=(0, 1)))
    text = console.export_svg(title="pilotfish demo-finetune", theme=DIMMED_MONOKAI, unique_id="finetuned")
    return re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)
