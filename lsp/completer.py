"""The request manager: decides for each request whether to answer from memory, from a running call, or to ask.

Order on each request: cache, in-flight reuse, hard skips, delay, prompt, stream, early stop, filters, answer. Every
request is answered exactly once: with a suggestion, or with nothing when it was superseded, when the document moved on,
or when there is nothing to show. What becomes of the backend call behind it is a separate matter (see ``calls``):

* an edit that disagrees with a call closes it at once;
* a cancelled request without an edit since then closes its call at once;
* a call that nobody follows, but that still agrees, is kept 300 ms for a successor to adopt.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pilotfish.lsp import context, trigger
from pilotfish.lsp.activity import Activity
from pilotfish.lsp.cache import RANKS, CompletionCache
from pilotfish.lsp.calls import Call
from pilotfish.lsp.client import Backend, BackendError, BackendModel, Usage
from pilotfish.lsp.context import Style
from pilotfish.lsp.documents import Cursor, Edit
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Place, Query, between, place_of
from pilotfish.lsp.plan import Plan, after_accepting, plan_call
from pilotfish.lsp.sessions import Pending, Session
from pilotfish.lsp.settings import CompletionSettings
from pilotfish.lsp.unfinished import Unfinished

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Link:
    """A backend that can be asked, with the model that answers."""

    backend: Backend
    model: BackendModel
    style: Style


class Source(Protocol):
    """Where completions come from; ``connection.Connection`` in earnest."""

    def link(self) -> Link | None:
        """The backend to ask now, or None while there is none or it is resting. Never waits."""
        ...

    def succeeded(self, usage: Usage | None, characters: int) -> None:
        """A call was answered, whose prompt had so many characters."""
        ...

    def failed(self, error: BackendError) -> None:
        """A call failed."""
        ...


class Completer:
    """Answers queries for all open documents of one client. Lives on one event loop."""

    def __init__(
        self,
        source: Source,
        settings: Callable[[], CompletionSettings],
        *,
        clock: Callable[[], float] = time.monotonic,
        on_recut: Callable[[Link, context.Prompt], None] | None = None,
        cache: CompletionCache | None = None,
        activity: Activity | None = None,
        on_more: Callable[[Query], None] | None = None,
    ) -> None:
        self._source = source
        self._settings = settings
        self._clock = clock
        self._on_recut = on_recut
        self._cache = cache or CompletionCache()
        self._activity = activity or Activity(lambda _state: None)
        self._unfinished = Unfinished(on_more)
        self._sessions: dict[str, Session] = {}
        self._running: list[Call] = []
        self._last_start = -1e9
        self._typed_over = 0

    # -- what the client tells -----------------------------------------------------------------------------------

    def edited(self, uri: str, edit: Edit) -> None:
        """Take note of an edit: calls that it contradicts end now, and a request that it outdated is answered."""
        session = self._session(uri)
        session.rhythm.key(self._clock())
        session.last_edit = edit
        if session.anchor is not None:
            session.anchor = context.shift_anchor(
                session.anchor, first_line=edit.first_line, last_line=edit.last_line, new_lines=edit.new_lines
            )
        self._judge_shown(session, edit)
        self._unfinished.outdated(uri)
        for call in [call for call in self._running if call.place.uri == uri]:
            if not call.observe(edit):
                call.close()
        if session.pending is not None:
            session.pending.resolve(None)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        session = self._sessions.pop(uri, None)
        if session is not None and session.pending is not None:
            session.pending.resolve(None)
        for call in self._running:
            if call.place.uri == uri:
                call.close()

    def accepted(self) -> None:
        """A suggestion was accepted: the user likes to be asked."""
        self._typed_over = 0

    def reset(self) -> None:
        """Forget all that another backend, model or setting would have answered differently."""
        self._cache.clear()
        for call in self._running:
            call.close()
        for session in self._sessions.values():
            session.anchor = session.call = None

    async def stop(self) -> None:
        """Answer every waiting request with nothing and close every call."""
        for uri in list(self._sessions):
            self.closed(uri)
        for call in self._running:
            call.close()
        while self._running:
            await asyncio.sleep(0)

    # -- requests ------------------------------------------------------------------------------------------------

    async def complete(self, query: Query) -> Suggestion | None:
        """Answer one query. A query like the one that is already waiting joins it; any other supersedes it."""
        session = self._session(query.uri)
        pending = session.pending
        if pending is None or pending.answer.done() or pending.query.key != query.key:
            if pending is not None:
                pending.resolve(None)
            self._unfinished.outdated(query.uri)
            place = place_of(query)
            known = self._remembered(session, query, place)
            if known is not None:
                session.shown = (query.cursor, known.text)
                return known
            pending = Pending(query, asyncio.get_running_loop().create_future(), self._clock())
            session.pending = pending
            pending.task = asyncio.create_task(self._drive(session, pending, place))
        pending.waiters += 1
        try:
            return await asyncio.shield(pending.answer)
        except asyncio.CancelledError:
            pending.waiters -= 1
            if not pending.waiters and not pending.answer.done():
                # No edit came since that request, or the request would have been answered by it.
                if pending.call is not None:
                    pending.call.close()
                pending.resolve(None)
            raise

    def prepare(self, query: Query, link: Link) -> str:
        """The prompt with which a call at this place would begin, to be warmed; that window is used from then on."""
        plan = self.plan(query, link)
        self._session(query.uri).anchor = plan.prompt.anchor
        return plan.prompt.prefix

    def plan(self, query: Query, link: Link) -> Plan:
        """What a call at this place would ask for."""
        return self._plan(self._session(query.uri), query, link)

    def _remembered(self, session: Session, query: Query, place: Place) -> Suggestion | None:
        known = self._recall(place, 0)
        call = session.call
        if known is None and call is not None and call.whole:
            typed = between(query.lines, call.place.cursor, query.cursor)
            if typed is not None and call.place.before.endswith(
                place.before[: len(place.before) - len(typed)][-64:]
            ):
                known = call.rest(typed, place.surroundings)
        # An alternative that was chosen is typed through as well.
        return known or next(filter(None, (self._recall(place, rank) for rank in RANKS)), None)

    def _recall(self, place: Place, rank: int) -> Suggestion | None:
        return self._cache.get(place.uri, place.before, place.after, now=self._clock(), rank=rank)

    async def _drive(self, session: Session, pending: Pending, place: Place) -> None:
        suggestion = None
        try:
            suggestion = await self._answer(session, pending, place)
            if suggestion is not None:
                session.shown = (pending.query.cursor, suggestion.text)
                self._look_ahead(session, pending.query, suggestion)
        except BackendError as error:
            self._source.failed(error)
        finally:
            if not pending.answer.done():
                pending.answer.set_result(suggestion)

    async def _answer(self, session: Session, pending: Pending, place: Place) -> Suggestion | None:
        query = pending.query
        asked = False
        while True:
            call = self._adoptable(query)
            if call is None:
                if asked:
                    return None
                call = await self._ask(session, query, place)
                asked = True
                if call is None:
                    return None
            suggestion, agreed = await self._follow(session, pending, call, place)
            if agreed:
                return suggestion

    def _adoptable(self, query: Query) -> Call | None:
        """A running call whose text agrees with what has been typed since."""
        for call in reversed(self._running):
            if call.place.uri == query.uri and not call.done:
                typed = between(query.lines, call.place.cursor, query.cursor)
                if typed is not None and call.agrees(typed):
                    return call
        return None

    async def _ask(self, session: Session, query: Query, place: Place) -> Call | None:
        """Start a call, when it is worth one and once the spacing of calls allows it."""
        settings = self._settings()
        edit = session.last_edit
        skip = trigger.should_ask(
            place.surroundings.before,
            place.surroundings.after,
            automatic=query.automatic,
            deletion=edit is not None and not edit.text,
            document_chars=query.characters,
        )
        if skip is not None:
            log.debug("%s", json.dumps({"event": "skip", "reason": str(skip)}))
            return None
        link = self._source.link()
        if link is None:
            return None
        fresh_line = edit is not None and "\n" in edit.text and not place.surroundings.before.strip()
        if query.automatic and not fresh_line:
            spacing = trigger.call_spacing(link.model.device, self._typed_over, settings.delay)
            wait = self._last_start + spacing / 1000 - self._clock()
            if wait > 0:
                await asyncio.sleep(wait)
        return self._start(session, query, link)

    def _start(self, session: Session, query: Query, link: Link) -> Call:
        limit = 2 if link.model.device == "gpu" else 1
        for old in self._running[: max(0, len(self._running) - limit + 1)]:
            old.close()
        plan = self._plan(session, query, link)
        session.anchor = plan.prompt.anchor
        self._last_start = self._clock()
        session.call = self._call(plan, link)
        if plan.prompt.recut is not None and self._on_recut is not None:
            self._on_recut(link, plan.prompt)
        return session.call

    def _plan(self, session: Session, query: Query, link: Link, *, ahead: bool = False) -> Plan:
        return plan_call(
            query,
            anchor=session.anchor,
            style=link.style,
            device=link.model.device,
            settings=self._settings(),
            ahead=ahead,
        )

    def _call(self, plan: Plan, link: Link) -> Call:
        call = Call(plan.place, clock=self._clock, characters=plan.characters)
        self._running.append(call)
        self._activity.began(call)
        call.start(lambda: link.backend.stream(plan.request, link.model), ended=self._ended)
        return call

    def _look_ahead(self, session: Session, query: Query, suggestion: Suggestion) -> None:
        """Ask what follows a suggestion that is shown, so that it is known once the suggestion is accepted."""
        wanted, link = self._settings().prefetch, self._source.link()
        if link is None or wanted == "never" or not all(call.done for call in self._running):
            return
        if wanted == "auto" and link.model.device != "gpu":
            return
        self._call(self._plan(session, after_accepting(query, suggestion), link, ahead=True), link)

    async def _follow(
        self, session: Session, pending: Pending, call: Call, place: Place
    ) -> tuple[Suggestion | None, bool]:
        """Wait until a call has something to show at this place; the second value is False when it disagrees."""
        query = pending.query
        typed = between(query.lines, call.place.cursor, query.cursor) or ""
        pending.call = call
        call.follow()
        try:
            while True:
                if not call.agrees(typed):
                    return None, False
                suggestion = call.rest(typed, place.surroundings)
                if call.done:
                    if call.error is not None:
                        raise call.error
                    return suggestion, call.finished
                now = self._clock()
                due = pending.due(call, session.rhythm, now) - now
                if suggestion is not None and due <= 0:
                    suggestion = pending.presentable(suggestion)
                    self._unfinished.shown(query, place, typed, suggestion, call)
                    return suggestion, True
                try:
                    async with asyncio.timeout(due if suggestion is not None else None):
                        await call.progress()
                except TimeoutError:
                    continue
        finally:
            call.unfollow()

    def _ended(self, call: Call) -> None:
        self._running.remove(call)
        self._activity.ended(call)
        if call.error is None and call.first is not None:
            self._source.succeeded(call.usage, call.characters)
        # What a broken stream brought is shown, but not remembered: the next time there may be more.
        suggestion = call.suggestion() if call.whole else None
        if suggestion is not None:
            place = call.place
            self._cache.put(place.uri, place.before, place.after, suggestion, now=self._clock())
        self._unfinished.ended(call)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", json.dumps(call.report()))

    def _judge_shown(self, session: Session, edit: Edit) -> None:
        """Count suggestions that were typed over in a row: each makes the next call wait longer."""
        if session.shown is None:
            return
        cursor, text = session.shown
        session.shown = None
        if edit.start != cursor or not edit.text:
            return
        if text.startswith(edit.text):
            rest = text[len(edit.text) :]
            end = Cursor(cursor.line, cursor.column + len(edit.text))
            if rest and "\n" not in edit.text:
                session.shown = (end, rest)
            else:
                self._typed_over = 0
        else:
            self._typed_over += 1

    def _session(self, uri: str) -> Session:
        return self._sessions.setdefault(uri, Session())
