"""Cancelling, recovery, secrets, idling, and memory after much typing."""

import asyncio
import time
from contextlib import suppress

from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.processes import MockBackend, free_port
from harness.samples import REFERENCE, SUM
from harness.typist import Rhythm, following, type_text
from scenarios.places import MIDDLE, SMALL, clear, fresh_places, key_and_ask
from scenarios.report import Row, median, milliseconds
from scenarios.session import Bench, process_of, resident_mb, session

SECRET = "sk-live-4242424242"
IDLE = 20.0


async def cancel(bench: Bench) -> list[Row]:
    """From `$/cancelRequest` to the moment when the backend sees its client go, before and after first tokens."""
    delays, answers = [], []
    for first_token, per_token in ((60.0, 0.0), (0.0, 0.5)):
        bench.reset(policy="continue", reference=MIDDLE, first_token=first_token, per_token=per_token)
        async with session(bench) as editor:
            document = editor.open("place.py", MIDDLE)
            for number, place in enumerate(fresh_places(MIDDLE, count=10), start=1):
                clear(editor, document, place)
                _, request = key_and_ask(editor, document, place, INVOKED)
                call = (await bench.mock.asked(number))[-1]
                await asyncio.sleep(0.05)
                cancelled = editor.client.cancel(request)
                answers.append((await request.response()).received - cancelled)
                gone = (await bench.mock.closed(call.id)).disconnected
                assert gone is not None
                delays.append(gone - cancelled)
    return [
        Row(
            "cancel",
            "cancel to HTTP closed, p50",
            median(delays) * 1000,
            "ms",
            20,
            samples=milliseconds(delays),
        ),
        Row("cancel", "slowest", max(delays) * 1000, "ms"),
        Row(
            "cancel", "cancel to its answer, p50", median(answers) * 1000, "ms", samples=milliseconds(answers)
        ),
    ]


async def unanswered(bench: Bench) -> list[Row]:
    """Twenty keys as fast as they go, a request with each, none cancelled."""
    bench.reset(policy="continue", reference=REFERENCE, first_token=0.2, per_token=0.01)
    async with session(bench, conduct=False) as editor:
        document = editor.open("shop.py", SUM.text)
        requests = []
        for index in range(20):
            editor.insert(document, SUM.offset + index, SUM.rest[index])
            requests.append(editor.ask(document, SUM.offset + index + 1))
        answered = [request.answered.wait() for request in requests]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*answered), 5)
        silent = sum(request.open for request in requests)
        errors = sum(request.responses[0].error is not None for request in requests if not request.open)
    return [
        Row("unanswered", "of 20 requests in a burst", silent, "", 0, "=="),
        Row("unanswered", "answered with an error", errors, "", 0, "=="),
    ]


async def recovery(bench: Bench) -> list[Row]:
    """From the backend's return to the first suggestion of a person who has been typing all the while."""
    times = []
    for _ in range(bench.repeat):
        port = free_port()
        async with session(bench, url=f"http://127.0.0.1:{port}", ready=False) as editor:
            typing = asyncio.create_task(_first_suggestion(editor))
            await asyncio.sleep(3)
            async with MockBackend(port=port) as late:
                late.configure(text="compute_total(items, prices)\n")
                back = time.monotonic()
                times.append(await typing - back)
    return [Row("recovery", "slowest", max(times), "s", 2, samples=tuple(times))]


async def secrets(bench: Bench) -> list[Row]:
    """Typing and asking in secret files."""
    bench.reset(model={"extensions": ["warm"]})
    async with session(bench) as editor:
        for name in (".env", ".env.local", "id_rsa", "server.pem", ".ssh/config", ".aws/credentials"):
            document = editor.open(name, f"TOKEN={SECRET}\nOTHER=", "plaintext")
            editor.insert(document, len(document.text), "x")
            await editor.ask(document, len(document.text), AUTOMATIC).response()
            await editor.ask(document, len(document.text), INVOKED).response()
        await asyncio.sleep(0.5)
        calls = [call for call in bench.mock.log() if SECRET in str(call.body) or call.method == "POST"]
    return [Row("secrets", "requests to the backend from secret files", len(calls), "", 0, "==")]


async def idle(bench: Bench) -> list[Row]:
    """CPU time while nothing happens, with a document open and a few suggestions made."""
    bench.reset(text="compute_total(items, prices)\n")
    async with session(bench) as editor:
        document = editor.open("place.py", MIDDLE)
        for place in fresh_places(MIDDLE, count=8):
            clear(editor, document, place)
            _, request = key_and_ask(editor, document, place, INVOKED)
            await request.response()
        await asyncio.sleep(1)
        before = process_of(editor).cpu_times()
        await asyncio.sleep(IDLE)
        after = process_of(editor).cpu_times()
    used = after.user + after.system - before.user - before.system
    return [Row("idle", f"CPU in {IDLE:.0f} s", used, "s", 0.05)]


async def many_keys(bench: Bench) -> list[Row]:
    """Resident memory after 300 keys, a request with each."""
    bench.reset(policy="continue", reference=SMALL, first_token=0.01, per_token=0.002)
    start = SMALL.index("\n    def ", len(SMALL) // 2) + 1
    async with session(bench) as editor:
        document = editor.open("typed.py", SMALL[:start])
        run = await type_text(
            editor,
            document,
            start,
            SMALL[start : start + 300],
            rhythm=Rhythm(interval=0.04),
            expected=following(SMALL, start),
        )
        resident = resident_mb(editor)
    note = f"{run.shown} of 300 shown at 40 ms a key"
    return [
        Row("memory-300", "resident after 300 keys", resident, "MB", 60, note=note),
        Row("memory-300", "stale", len(run.stale), "", 0, "==", note="; ".join(run.stale)[:200]),
    ]


async def _first_suggestion(editor: Editor) -> float:
    """Type on and on, a key each 200 ms; when the first suggestion came."""
    document = editor.open("place.py", MIDDLE)
    for place in fresh_places(MIDDLE, count=150):
        clear(editor, document, place)
        _, request = key_and_ask(editor, document, place, AUTOMATIC)
        response = await request.response()
        if response.items:
            return response.received
        await asyncio.sleep(0.2)
    raise AssertionError("no suggestion came")
