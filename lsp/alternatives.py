"""What else could stand here: for who asks by hand, up to three suggestions that differ, the likeliest first.

The likeliest is the completer's, as an automatic request gets it. The others are sampled, each by a call of its own.
LSP has one answer for all of them, so the likeliest waits for the others, but not for long where nothing is shown yet.
What comes too late is there when the same is asked for again, and all are remembered while they are typed through.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from pilotfish.lsp.activity import Activity
from pilotfish.lsp.cache import RANKS, CompletionCache
from pilotfish.lsp.calls import Call
from pilotfish.lsp.completer import Completer, Link, Source
from pilotfish.lsp.documents import Cursor
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Place, Query, place_of

log = logging.getLogger(__name__)

TEMPERATURES = {1: 0.5, 2: 0.8}
"""By rank: the second has to differ from the first too."""
AT_ONCE = 0.05
"""Seconds within which the likeliest comes from memory, so that it probably is on the screen already."""
PATIENCE_SHOWN = 5.0
"""Seconds to wait for the others then: who asks wants another one."""
PATIENCE_FRESH = 1.0
"""Seconds that the likeliest, once it is known, waits for the others where nothing is shown yet."""
REMEMBERED = 32
"""Places whose alternatives are all known."""

_Spot = tuple[str, str, str]


@dataclass(eq=False, slots=True)
class _Round:
    """The requests for one cursor in one version of a document."""

    key: tuple[int | None, Cursor]
    found: list[Suggestion] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    waiters: int = 0
    over: bool = False

    def end(self) -> None:
        """Ask no more; whoever waits is answered with what is there."""
        self.over = True
        if self.task is not None:
            self.task.cancel()


class Alternatives:
    """Answers queries with one suggestion, or where somebody asks by hand with several. Lives on one event loop."""

    def __init__(
        self,
        completer: Completer,
        source: Source,
        cache: CompletionCache,
        activity: Activity,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._completer = completer
        self._source = source
        self._cache = cache
        self._activity = activity
        self._clock = clock
        self._rounds: dict[str, _Round] = {}
        self._known: OrderedDict[_Spot, None] = OrderedDict()

    def outdated(self, uri: str) -> None:
        """End what is asked for a document: it was edited, or closed."""
        if (ended := self._rounds.pop(uri, None)) is not None:
            ended.end()

    def reset(self) -> None:
        """Forget all that another backend, model or setting would have answered differently."""
        for uri in list(self._rounds):
            self.outdated(uri)
        self._known.clear()

    async def complete(self, query: Query) -> list[Suggestion]:
        """Answer one query: nothing where it was superseded."""
        round_ = self._round(query)
        if query.automatic:
            first = await self._completer.complete(query)
            return [] if first is None else [first]
        round_.waiters += 1
        asked = self._clock()
        try:
            first = await self._completer.complete(query)
            if not round_.over:
                round_.task = round_.task or asyncio.create_task(self._ask(round_, query))
                at_once = first is not None and self._clock() - asked < AT_ONCE
                await asyncio.wait({round_.task}, timeout=PATIENCE_SHOWN if at_once else PATIENCE_FRESH)
            return list(_distinct([first, *round_.found]))
        except asyncio.CancelledError:
            if round_.waiters == 1:
                round_.end()
                self._rounds = {uri: known for uri, known in self._rounds.items() if known is not round_}
            raise
        finally:
            round_.waiters -= 1

    def _round(self, query: Query) -> _Round:
        """The round that a query belongs to; it ends any other of that document."""
        key = (query.version, query.cursor)
        known = self._rounds.get(query.uri)
        if known is None or known.key != key:
            self.outdated(query.uri)
            known = self._rounds[query.uri] = _Round(key)
        return known

    async def _ask(self, round_: _Round, query: Query) -> None:
        """Find the alternatives; on a CPU one after the other, since two at once would only slow each other."""
        place = place_of(query)
        spot = (query.uri, place.before, place.after)
        if spot in self._known:
            round_.found = [known for rank in RANKS if (known := self._recall(place, rank)) is not None]
            return
        link = self._source.link()
        if link is None:
            return
        if link.model.device == "cpu":
            answered = [await self._sample(round_, query, link, rank) for rank in RANKS]
        else:
            answered = await asyncio.gather(*(self._sample(round_, query, link, rank) for rank in RANKS))
        if all(answered):
            self._known[spot] = None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    async def _sample(self, round_: _Round, query: Query, link: Link, rank: int) -> bool:
        """Ask for one alternative; whether the backend answered in full."""
        plan = self._completer.plan(query, link)
        request = replace(plan.request, temperature=TEMPERATURES[rank], seed=rank)
        call = Call(plan.place, clock=self._clock, characters=plan.characters)
        self._activity.began(call)
        call.start(lambda: link.backend.stream(request, link.model), ended=self._activity.ended)
        try:
            while not call.done:
                await call.progress()
        finally:
            call.close()
        if call.error is not None:
            # The likeliest one's failure is what counts; this was an extra.
            log.info("no alternative: %s", call.error)
        suggestion = call.suggestion() if call.whole else None
        if suggestion is not None:
            place = plan.place
            self._cache.put(place.uri, place.before, place.after, suggestion, now=self._clock(), rank=rank)
            round_.found.append(suggestion)
        return call.whole

    def _recall(self, place: Place, rank: int) -> Suggestion | None:
        return self._cache.get(place.uri, place.before, place.after, now=self._clock(), rank=rank)


def _distinct(suggestions: Iterable[Suggestion | None]) -> Iterable[Suggestion]:
    """Each text once, in order."""
    texts: dict[str, Suggestion] = {}
    for suggestion in suggestions:
        if suggestion is not None:
            texts.setdefault(suggestion.text, suggestion)
    return texts.values()
