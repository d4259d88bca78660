"""Someone who types statements at a person's pace, and sometimes takes what is offered."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from pilotfish.lsp.demo_editor import Editor
from pilotfish.lsp.demo_places import Place, look_at
from pilotfish.lsp.demo_show import Show


@dataclass(frozen=True, slots=True)
class Pace:
    """A person's pace, in seconds."""

    key: float = 0.12
    jitter: float = 0.35
    """How far a pause between two keys may be off, as a share of it."""
    find: float = 1.2
    """Until the first key at another place."""
    look: float = 8.0
    """How long to wait for something to accept."""
    read: float = 1.0
    """How long to read it, and what was accepted."""


class Typist:
    """Types into an editor. ``check`` is called before each key and raises if there is no use in going on."""

    def __init__(
        self, editor: Editor, check: Callable[[], None], show: Show, dice: random.Random, pace: Pace
    ) -> None:
        self._editor = editor
        self._check = check
        self._show = show
        self._dice = dice
        self._pace = pace
        self._seen = 0
        self._due = 0.0
        editor.on_change = self._changed

    async def work_on(self, place: Place, *, shift: int, accept: bool) -> None:
        """Take a place's lines out and type them again; ``accept``: take what is offered in the last one."""
        first, *rest = place.texts
        indent = _indentation(first)
        self._editor.cut(place.line + shift, len(place.texts), indent)
        await self._pause(self._pace.find)
        await self._keys(first[len(indent) :])
        for text in rest:
            await self._key("\n" + _indentation(text))
            typed = text[: look_at(text)] if accept else text
            await self._keys(typed[len(_indentation(text)) :])
            if accept and not await self._take():
                await self._keys(text[len(typed) :])
        await self._pause(self._pace.key)

    async def _keys(self, text: str) -> None:
        for character in text:
            await self._key(character)

    async def _key(self, text: str) -> None:
        """Press a key when it is due, whatever the server is doing."""
        await self._pause(self._due - asyncio.get_running_loop().time())
        self._check()
        off = self._dice.uniform(-self._pace.jitter, self._pace.jitter)
        self._due = asyncio.get_running_loop().time() + self._pace.key * (1 + off)
        self._editor.press(text)

    async def _take(self) -> bool:
        """Wait for ghost text, read it, accept it; False if there is none."""
        await self._editor.settle(self._pace.look)
        self._check()
        if not self._editor.ghost:
            return False
        await self._pause(self._pace.read)
        if not self._editor.ghost:
            return False
        taken = self._editor.accept()
        self._show.event(self._editor.view, f"accepted: {_short(taken)}")
        await self._pause(self._pace.read)
        return True

    @staticmethod
    async def _pause(seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def _changed(self) -> None:
        suggestions = self._editor.suggestions
        if len(suggestions) == self._seen:
            self._show.draw(self._editor.view)
            return
        for suggestion in suggestions[max(0, self._seen - 1) : -1]:
            if suggestion.typed_through:
                self._show.note(f"{suggestion.typed_through} of {len(suggestion.text)} characters were typed")
        self._seen = len(suggestions)
        newest = suggestions[-1]
        text = f"ghost text {newest.waited * 1000:.0f} ms after the key: {_short(newest.text)}"
        self._show.event(self._editor.view, text)


def _indentation(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _short(text: str) -> str:
    first, *more = text.split("\n")
    return first + (f" … ({len(more)} more lines)" if more else "")
