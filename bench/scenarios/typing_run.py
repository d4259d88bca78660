"""Twenty keys at 80 ms: what is shown meanwhile, what it costs the backend, and nothing stale."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.editor import INVOKED, Editor
from harness.mock_behaviour import Call
from harness.samples import DIVERGENCE, REFERENCE, SUM
from harness.typist import Expected, Rhythm, TypingRun, following, type_text
from scenarios.places import MIDDLE, clear, fresh_places, key_and_ask
from scenarios.report import Row, median, milliseconds
from scenarios.session import Bench, session

KEYS = 20
AT_ONCE = Rhythm(interval=0.08)
LATER = Rhythm(interval=0.08, ask_after=0.05)
TURN = 9
"""Keys of a diverging run that agree: the tenth differs from what the backend says."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One run of keys and the backend calls that it took."""

    run: TypingRun
    calls: tuple[Call, ...]


async def burst(bench: Bench) -> list[Row]:
    """Keys of one line, a backend that answers everything after 200 ms, eight requests before."""
    bench.reset(policy="continue", reference=REFERENCE, first_token=0.2)
    async with session(bench) as editor:
        await _warm(bench, editor)
        bursts = [await _burst(bench, editor, AT_ONCE, f"burst{i}.py") for i in range(bench.repeat)]
    return _rows("burst", bursts, shown=12)


async def burst_after_start(bench: Bench) -> list[Row]:
    """The same as the first thing that the server is asked."""
    bursts = []
    for _ in range(bench.repeat):
        bench.reset(policy="continue", reference=REFERENCE, first_token=0.2)
        async with session(bench, ready=False) as editor:
            bursts.append(await _burst(bench, editor, AT_ONCE, "burst.py"))
    return [
        Row("burst-cold", "calls, straight after start", max(len(each.calls) for each in bursts), "", 3),
        Row("burst-cold", "shown before the next key", min(each.run.shown for each in bursts), f"of {KEYS}"),
    ]


async def keys_at_once(bench: Bench) -> list[Row]:
    """First token after 200 ms, then one each 10 ms; cancel and ask at once with each key."""
    return await _streamed(bench, "keys-at-once", AT_ONCE)


async def keys_later(bench: Bench) -> list[Row]:
    """The same, asking 50 ms after the key, as VS Code does."""
    return await _streamed(bench, "keys-later", LATER)


async def _streamed(bench: Bench, name: str, rhythm: Rhythm) -> list[Row]:
    bench.reset(policy="continue", reference=REFERENCE, first_token=0.2, per_token=0.01)
    async with session(bench) as editor:
        await _warm(bench, editor)
        bursts = [await _burst(bench, editor, rhythm, f"keys{i}.py") for i in range(bench.repeat)]
        bench.mock.configure(token_chars=1)
        fine = [await _burst(bench, editor, rhythm, f"fine{i}.py") for i in range(bench.repeat)]
    shown = min(each.run.shown for each in fine)
    note = "the slowest stream that 'one token each 10 ms' can mean"
    return [
        *_rows(name, bursts, shown=12),
        Row(name, "shown, one character a token", shown, f"of {KEYS}", 12, ">=", note=note),
    ]


async def diverging(bench: Bench) -> list[Row]:
    """The backend's text turns away at key 10, once as a short call that has ended, once still streaming."""
    rows = []
    for what, per_token in (("", 0.01), (", still streaming", 0.06)):
        bench.reset(
            policy="continue",
            reference=REFERENCE,
            diverge_at=SUM.offset + TURN,
            divergence=DIVERGENCE,
            first_token=0.2,
            per_token=per_token,
        )
        async with session(bench) as editor:
            bursts = [
                await _burst(bench, editor, AT_ONCE, f"diverging{i}.py", expected=_turning)
                for i in range(bench.repeat)
            ]
        stale = [line for each in bursts for line in each.run.stale]
        rows.append(Row("diverge", f"stale{what}", len(stale), "", 0, "==", note="; ".join(stale)[:200]))
        if per_token > 0.01:
            rows += _closing(bursts)
    return rows


async def type_through(bench: Bench) -> list[Row]:
    """One suggestion, then its first ten characters typed."""
    bench.reset(policy="continue", reference=REFERENCE)
    latencies: list[float] = []
    shown = 0
    async with session(bench) as editor:
        for number in range(bench.repeat):
            document = editor.open(f"through{number}.py", SUM.text)
            suggested = await editor.ghost(document, SUM.offset)
            assert suggested == SUM.rest, f"suggested {suggested!r}"
            run = await type_text(
                editor,
                document,
                SUM.offset,
                SUM.rest[:10],
                rhythm=AT_ONCE,
                expected=following(REFERENCE, SUM.offset),
            )
            shown += run.shown
            latencies += run.latencies
        calls = bench.mock.completions()
    # How the text may go on after the suggestion is asked in advance, while nothing else is: no key waits for that.
    ahead = sum(call.body["prompt"].rstrip().endswith(SUM.rest) for call in calls)
    return [
        Row("type-through", "backend calls", len(calls) - ahead - bench.repeat, "", 0, "=="),
        Row("type-through", "calls in advance", ahead),
        Row("type-through", "p50", median(latencies) * 1000, "ms", 5, samples=milliseconds(latencies)),
        Row("type-through", "shown", shown / bench.repeat, "of 10", 10, ">="),
    ]


async def _warm(bench: Bench, editor: Editor) -> None:
    document = editor.open("warm.py", MIDDLE)
    for place in fresh_places(MIDDLE, count=8):
        clear(editor, document, place)
        _, request = key_and_ask(editor, document, place, INVOKED)
        await request.response()
    editor.close(document)
    await bench.mock.wait_for(lambda calls: all(call.end is not None for call in calls))


async def _burst(
    bench: Bench, editor: Editor, rhythm: Rhythm, name: str, expected: Expected | None = None
) -> Burst:
    seen = {call.id for call in bench.mock.log()}
    document = editor.open(name, SUM.text)
    run = await type_text(
        editor,
        document,
        SUM.offset,
        SUM.rest[:KEYS],
        rhythm=rhythm,
        expected=expected or following(REFERENCE, SUM.offset),
    )
    await bench.mock.wait_for(lambda calls: all(call.end is not None for call in calls))
    editor.close(document)
    return Burst(run, tuple(call for call in bench.mock.completions() if call.id not in seen))


def _turning(typed: int) -> Sequence[str]:
    truth = SUM.reference[SUM.offset + typed :]
    return [truth] if typed > TURN else [truth, SUM.rest[typed:TURN] + DIVERGENCE]


def _rows(name: str, bursts: Sequence[Burst], *, shown: int) -> list[Row]:
    """The worst run counts, but for the time after the last key, where the middle one does."""
    settles = [each.run.settle for each in bursts if each.run.settle is not None]
    stale = [line for each in bursts for line in each.run.stale]
    return [
        Row(
            name,
            "shown before the next key",
            min(each.run.shown for each in bursts),
            f"of {KEYS}",
            shown,
            ">=",
            samples=tuple(each.run.shown for each in bursts),
        ),
        Row(name, "backend calls", max(len(each.calls) for each in bursts), "", 3),
        Row(name, "last key to its answer", median(settles) * 1000, "ms", 320, samples=milliseconds(settles)),
        Row(name, "stale", len(stale), "", 0, "==", note="; ".join(stale)[:200]),
        Row(name, "unanswered", sum(each.run.unanswered for each in bursts), "", 0, "=="),
    ]


def _closing(bursts: Sequence[Burst]) -> list[Row]:
    """How long after the key that differs the old call was closed."""
    delays = []
    for each in bursts:
        turned = each.run.keys[TURN].sent
        for call in each.calls:
            if call.received < turned and (call.end is None or call.end > turned):
                delays.append((call.disconnected or float("inf")) - turned)
    if not delays:
        return [
            Row("diverge", "old call closed after", None, "ms", 20, note="no call was in flight at key 10")
        ]
    return [
        Row("diverge", "old call closed after", max(delays) * 1000, "ms", 20, samples=milliseconds(delays))
    ]
