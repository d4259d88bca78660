"""Latency at fresh places, small file and large, and of other requests while a backend call hangs."""

import asyncio

from harness.conduct import popups
from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.processes import free_port
from harness.samples import SUM
from scenarios.places import MIDDLE, clear, fresh_places, key_and_ask, large
from scenarios.report import Row, median, milliseconds, percentile
from scenarios.session import Bench, resident_mb, session

REST = 0.3
"""Seconds between two requests of a person who types now and then: longer than any spacing of calls."""
ANSWER = "compute_total(items, prices)\n"


async def automatic(bench: Bench) -> list[Row]:
    """A key after a rest, asked for automatically, with a backend that answers at once."""
    bench.reset(text=ANSWER)
    async with session(bench) as editor:
        times, answered = await _at_fresh_places(editor, MIDDLE, bench.requests // 2, AUTOMATIC, rest=REST)
        hasty, _ = await _at_fresh_places(
            editor, MIDDLE, bench.requests // 2, AUTOMATIC, rest=0.0, name="b.py"
        )
    note = f"{answered:.0%} with text"
    return [
        Row(
            "automatic", "p50 at rest", median(times) * 1000, "ms", 90, note=note, samples=milliseconds(times)
        ),
        Row("automatic", "p50 without rests", median(hasty) * 1000, "ms", samples=milliseconds(hasty)),
    ]


async def manual(bench: Bench) -> list[Row]:
    """The same asked for by hand, without rests."""
    bench.reset(text=ANSWER)
    async with session(bench) as editor:
        await _at_fresh_places(editor, MIDDLE, 8, INVOKED, name="warm.py")
        times, answered = await _at_fresh_places(editor, MIDDLE, bench.requests, INVOKED)
    note = f"{answered:.0%} with text"
    return [
        Row("manual", "p50", median(times) * 1000, "ms", 5, note=note, samples=milliseconds(times)),
        Row("manual", "p95", percentile(times, 0.95) * 1000, "ms", 10),
    ]


async def large_file(bench: Bench) -> list[Row]:
    """A document of 2.3 MB against one of 100 kB, asked for by hand."""
    bench.reset(text=ANSWER)
    text = large()
    async with session(bench) as editor:
        await _at_fresh_places(editor, MIDDLE, 8, INVOKED, name="warm.py")
        small, _ = await _at_fresh_places(editor, MIDDLE, bench.requests // 2, INVOKED)
        big, answered = await _at_fresh_places(editor, text, bench.requests // 2, INVOKED, name="large.py")
        resident = resident_mb(editor)
    over = (median(big) - median(small)) * 1000
    note = f"p50 {median(big) * 1000:.1f} ms, {answered:.0%} with text"
    return [
        Row(
            "large",
            "2.3 MB file, p50 over a small file",
            over,
            "ms",
            25,
            note=note,
            samples=milliseconds(big),
        ),
        Row("large", "resident with it open", resident, "MB", 120),
    ]


async def unrelated(bench: Bench) -> list[Row]:
    """A command while a backend call hangs."""
    bench.reset(fault="hang")
    times = []
    async with session(bench) as editor:
        document = editor.open("shop.py", SUM.text)
        editor.ask(document, SUM.offset)
        await bench.mock.asked()
        for _ in range(bench.requests // 2):
            params = {"command": "pilotfish.backend.status", "arguments": []}
            request = editor.client.request("workspace/executeCommand", params)
            times.append((await request.response()).received - request.sent)
            await asyncio.sleep(0.01)
    return [
        Row("unrelated", "p50 while a call hangs", median(times) * 1000, "ms", 5, samples=milliseconds(times))
    ]


async def down(bench: Bench) -> list[Row]:
    """Twenty requests to a backend that refuses connections."""
    async with session(bench, url=f"http://127.0.0.1:{free_port()}", ready=False) as editor:
        times, answered = await _at_fresh_places(editor, MIDDLE, 20, AUTOMATIC, rest=0.05)
        await asyncio.sleep(1)
        shown = len(popups(editor.client))
        errors = sum(r.error is not None for q in editor.client.requests.values() for r in q.responses)
    return [
        Row("down", "p50 of 20 requests", median(times) * 1000, "ms", 10, samples=milliseconds(times)),
        Row("down", "slowest", max(times) * 1000, "ms"),
        Row("down", "popups", shown, "", 1),
        Row("down", "answers with an error or text", errors + answered * 20, "", 0, "=="),
    ]


async def _at_fresh_places(
    editor: Editor, text: str, count: int, kind: int, *, rest: float = 0.0, name: str = "place.py"
) -> tuple[list[float], float]:
    """Latencies from key to answer, in seconds, and the share of answers with text."""
    document = editor.open(name, text)
    times, shown = [], 0
    for place in fresh_places(text, count=count):
        clear(editor, document, place)
        # A command's answer tells that the server has digested the deletion.
        await editor.command("pilotfish.backend.status")
        await asyncio.sleep(rest)
        sent, request = key_and_ask(editor, document, place, kind)
        response = await request.response()
        times.append(response.received - sent)
        shown += bool(response.items)
    assert len(times) == count, f"{len(times)} places in {name}, not {count}"
    return times, shown / count
