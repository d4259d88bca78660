"""Several Triton servers as one: which of them can be asked, and whose turn it is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from .base import EngineBusy, EngineError, EngineTimeout, EngineUnavailable
from .triton_signature import Signature
from .triton_wire import TritonWire, Unsuitable

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
"""Between two questions whether a model is ready; a server that is back is found within this."""
_ANSWER_SECONDS = 2.0
"""For the answer to one of them."""
_PROOF_SECONDS = 5.0
"""For one token of a server whose model has failed."""
_SILENCE_SECONDS = 1.0
"""After which a stream without a token makes us ask for one: the end of a model's process ends no stream."""


class Server:
    """One of them. ``prove`` makes it give a token, ``check`` raises ``Unsuitable`` for a model that is not ours."""

    def __init__(
        self,
        wire: TritonWire,
        model: str,
        *,
        prove: Callable[["Server", Signature], Awaitable[None]],
        check: Callable[["Server", Signature], None],
    ) -> None:
        self.wire = wire
        self.signature: Signature | None = None
        """What its model offers; None while it can't be asked."""
        self.trouble: str = f"no Triton has answered at {wire.url} yet."
        """Why it can't be asked, where that is so."""
        self.hopeless = False
        """Whether it said itself that it has not got a model for us."""
        self.suspect = False
        """Whether its model failed last time, and has given no token since. Then it is asked last."""
        self.running = 0
        self._model = model
        self._prove = prove
        self._check = check
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While inside, it has one request more."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    async def look(self) -> None:
        """Find out whether it can be asked; who comes while somebody looks is told what that one finds."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await self.look()

    async def close(self) -> None:
        """Close the channel; what runs fails."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.wire.close()

    def lose(self, why: str, *, hopeless: bool = False) -> None:
        """It can't be asked any more."""
        if why != self.trouble:
            log.warning("%s", why)
        self.signature, self.trouble, self.hopeless = None, why, hopeless

    async def _look(self) -> None:
        try:
            if await self.wire.model_ready(_ANSWER_SECONDS):
                await self._examine()
            else:
                why, hopeless = await self._why()
                self.lose(why, hopeless=hopeless)
        except EngineBusy:
            pass  # it has work, and so it lives
        except Unsuitable as error:
            self.lose(str(error), hopeless=True)
        except EngineTimeout as error:
            self.lose(str(error))  # what runs may still come
        except EngineError as error:
            self.lose(str(error))
            self.wire.abort(str(error))

    async def _examine(self) -> None:
        """Look at a server that says it is ready: what its model offers, and where there is a doubt if it works."""
        silent = asyncio.get_running_loop().time() - self.wire.heard
        # Each time: another model may be loaded in the old one's place, or a server take another's, without a gap.
        signature = await self.wire.signature(_ANSWER_SECONDS)
        self._check(self, signature)
        if self.suspect or silent > _SILENCE_SECONDS:
            try:
                async with asyncio.timeout(_PROOF_SECONDS):
                    await self._prove(self, signature)
            except TimeoutError:
                if self.running:
                    return  # perhaps it only waits behind what runs
                raise EngineTimeout(f"Triton at {self.wire.url} is ready, but gives no token.") from None
        if self.signature is None:
            log.info("Triton at %s is ready", self.wire.url)
        self.signature, self.trouble, self.hopeless, self.suspect = signature, "", False, False

    async def _why(self) -> tuple[str, bool]:
        """Why a server that answers has not got the model ready, and whether that will stay so."""
        where = f"Triton at {self.wire.url}"
        models = await self.wire.index(_ANSWER_SECONDS)
        if self._model in models:
            state, reason = models[self._model]
            said = f" ({reason})" if reason else ""
            return f"{where} has the model {self._model}, but it is {state or 'not loaded'}{said}.", False
        if not await self.wire.server_ready(_ANSWER_SECONDS):
            return f"{where} is starting.", False
        known = ", ".join(sorted(models)) or "none"
        return f"{where} has no model {self._model!r}; it has: {known}.", True


class Servers:
    """All of them."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.all = servers
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Wait until one is ready. Raises ``EngineError`` when each has said that it has no model for us."""
        while not self.ready():
            await self._look()
            if all(server.hopeless for server in self.all):
                raise EngineError(self.trouble)
            if not self.ready():
                await asyncio.sleep(_POLL_SECONDS)
        self._watching = [asyncio.create_task(server.watch()) for server in self.all]

    async def stop(self) -> None:
        """Close all channels; what runs fails."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self.all))

    @property
    def trouble(self) -> str:
        """Why those that can't be asked can't."""
        return " ".join(server.trouble for server in self.all if server.trouble)

    def ready(self) -> list[Server]:
        """Those that can be asked, the best first: sound ones, then by fewest requests."""
        known = [server for server in self.all if server.signature is not None]
        return sorted(known, key=lambda server: (server.suspect, server.running))

    async def to_ask(self) -> list[Server]:
        """As ``ready``, but looks once more before it raises ``EngineUnavailable`` for want of one."""
        if not (found := self.ready()):
            await self._look()
            found = self.ready()
        if not found:
            raise EngineUnavailable(self.trouble)
        return found

    async def _look(self) -> None:
        await asyncio.gather(*(server.look() for server in self.all))
