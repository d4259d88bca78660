"""How the demonstration is shown in a terminal, and without one."""

import io
import re

from rich.console import Console

from pilotfish.lsp.demo_screen import View
from pilotfish.lsp.demo_show import LiveShow, PlainShow

VIEW = View(["def f(a):", "    return a"], 1, 12, "[0]", 0, "python")


def test_without_a_terminal_frames_are_printed_plainly() -> None:
    """Every event is a frame with marks, and there is no control character in any."""
    out = io.StringIO()
    show = PlainShow(out)
    show.start("a.py")
    show.draw(VIEW)
    show.event(VIEW, "ghost text 12 ms after the key: [0]")
    show.stop()
    assert "    2 │     return a▏⟦[0]⟧\n      └ ghost text 12 ms after the key: [0]\n" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_the_ghost_text_is_dimmed() -> None:
    """The live screen shows code, dimmed ghost text and the last events, whatever is in them."""
    out = io.StringIO()
    show = LiveShow(
        Console(file=out, force_terminal=True, width=80, height=30, color_system="standard", _environ={})
    )
    show.start("a.py")
    show.draw(VIEW)
    show.event(VIEW, "ghost text 12 ms after the key: [bold]")
    show.note("3 of 9 characters were typed")
    show.draw(VIEW)
    show.stop()
    shown = out.getvalue()
    assert "\x1b[2;3m[0]\x1b[0m" in shown
    assert "the key: [bold] · 3 of 9 characters were typed" in shown
    assert "return" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
