"""A text that must not be seen: API keys."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that neither ``repr`` nor ``str`` shows, so that no log line or traceback can."""

    _text: str = field(default="", repr=False)

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"

    __str__ = __repr__
