"""Half lines that were shown to somebody who typed fast, and who stopped to read them.

LSP has no word for it: once a request is answered, a client does not ask again while the text stays as it is. So the
call behind a half line is kept until it ends, and then whoever understands it is told that there is more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pilotfish.lsp.calls import Call
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Place, Query


@dataclass(frozen=True, slots=True)
class _Shown:
    """A half line on somebody's screen."""

    query: Query
    place: Place
    typed: str
    """What was typed since the call began."""
    suggestion: Suggestion
    call: Call


class Unfinished:
    """Watches the calls behind half lines; ``more(query)`` is called when a query has a longer answer."""

    def __init__(self, more: Callable[[Query], None] | None = None) -> None:
        self._more = more
        self._shown: dict[str, _Shown] = {}

    def shown(self, query: Query, place: Place, typed: str, suggestion: Suggestion, call: Call) -> None:
        """Keep a call that goes on while part of its text is shown, where somebody wants to hear of the rest."""
        if self._more is not None:
            self.outdated(query.uri)
            call.follow()
            self._shown[query.uri] = _Shown(query, place, typed, suggestion, call)

    def outdated(self, uri: str) -> None:
        """Something newer was typed in a document, or asked for."""
        known = self._shown.pop(uri, None)
        if known is not None:
            known.call.unfollow()

    def ended(self, call: Call) -> None:
        """Tell that there is more, when a call has come to its end and its half line is still the last word."""
        known = self._shown.get(call.place.uri)
        if self._more is None or known is None or known.call is not call:
            return
        del self._shown[call.place.uri]
        whole = call.rest(known.typed, known.place.surroundings) if call.whole else None
        if whole is not None and whole != known.suggestion:
            self._more(known.query)
