"""Suggestions found again."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotfish.lsp.cache import AFTER, BEFORE, CAPACITY, LOOK_BACK, TTL, CompletionCache
from pilotfish.lsp.filters import Suggestion

DOCUMENT = "file:///a.py"


def remembering(before: str, after: str, text: str, *, overwrite: int = 0) -> CompletionCache:
    """Return a cache with one suggestion, put in at time 0."""
    cache = CompletionCache()
    cache.put(DOCUMENT, before, after, Suggestion(text, overwrite), now=0)
    return cache


def rest(
    cache: CompletionCache, before: str, after: str = "", *, now: float = 1, document: str = DOCUMENT
) -> str | None:
    """Look a place up and return the text."""
    found = cache.get(document, before, after, now=now)
    return None if found is None else found.text


def test_same_place() -> None:
    """At the place for which it was made a suggestion is found whole, with what it overwrites."""
    cache = remembering("x = ", ")", "f(a)", overwrite=1)
    assert cache.get(DOCUMENT, "x = ", ")", now=1) == Suggestion("f(a)", 1)


def test_typing_through() -> None:
    """While its text is typed, what is left of it is found; never nothing, and nothing once it disagrees."""
    cache = remembering("x = ", "", "f(a)\n    b")
    assert [rest(cache, "x = " + "f(a)\n    b"[:typed]) for typed in range(1, 11)] == [
        "f(a)\n    b"[typed:] or None for typed in range(1, 11)
    ]
    assert rest(cache, "x = g") is None


def test_backspace() -> None:
    """Taking back what was typed finds what was there before, and going on finds it again."""
    cache = remembering("x = ", "", "foobar")
    assert [rest(cache, before) for before in ("x = foo", "x = fo", "x = fox", "x = fo", "x = ")] == [
        "bar",
        "obar",
        None,
        "obar",
        "foobar",
    ]


def test_other_places() -> None:
    """Another document, other text behind the cursor or other text before it is another place."""
    cache = remembering("x = ", "\ny", "foobar")
    assert rest(cache, "x = ", "\ny", document="file:///b.py") is None
    assert rest(cache, "x = ", "\nz") is None
    assert rest(cache, "y = ", "\ny") is None
    assert rest(cache, "ax = ", "\ny") is None
    assert rest(cache, "x = ", "\ny") == "foobar"


def test_nearest_place_wins() -> None:
    """Of two suggestions that continue, the one made further on is taken."""
    cache = remembering("x = ", "", "foobar")
    cache.put(DOCUMENT, "x = foo", "", Suggestion("tball"), now=0)
    assert rest(cache, "x = foo") == "tball"
    assert rest(cache, "x = foob") == "ar", "what disagrees is passed over"


def test_expiry() -> None:
    """A suggestion is forgotten after five minutes; being used does not prolong its life."""
    cache = remembering("x = ", "", "foobar")
    assert rest(cache, "x = ", now=TTL - 1) == "foobar"
    assert rest(cache, "x = ", now=TTL) is None
    assert rest(cache, "x = ", now=1) is None, "it is gone"


def test_least_recently_used_goes_first() -> None:
    """When there are too many, the one that was not used for longest goes."""
    cache = CompletionCache(capacity=2)
    for name in "ab":
        cache.put(DOCUMENT, name, "", Suggestion(name * 4), now=0)
    assert rest(cache, "a") == "aaaa"
    cache.put(DOCUMENT, "c", "", Suggestion("cccc"), now=0)
    assert [rest(cache, name) for name in "abc"] == ["aaaa", None, "cccc"]


def test_put_again() -> None:
    """A newer suggestion for a place takes the older one's, and is counted once."""
    cache = CompletionCache(capacity=2)
    for text in ("one", "two"):
        cache.put(DOCUMENT, "a", "", Suggestion(text), now=0)
    cache.put(DOCUMENT, "b", "", Suggestion("three"), now=0)
    assert (rest(cache, "a"), rest(cache, "b")) == ("two", "three")


def test_counts_of_places() -> None:
    """What is known of places goes with the last suggestion for them."""
    cache = CompletionCache(capacity=2)
    for name in "aabbccdd":
        cache.put(DOCUMENT, "x", name, Suggestion("foobar"), now=0)
    assert dict(cache._places) == {(DOCUMENT, 0, "c"): 1, (DOCUMENT, 0, "d"): 1}


def test_ranks_are_kept_apart() -> None:
    """What else may stand at a place neither replaces the likeliest nor is taken for it; typed through it stays."""
    cache = remembering("x = ", "", "foobar")
    cache.put(DOCUMENT, "x = ", "", Suggestion("foot"), now=0, rank=1)
    assert rest(cache, "x = foo") == "bar"
    assert cache.get(DOCUMENT, "x = foo", "", now=0, rank=1) == Suggestion("t")
    assert cache.get(DOCUMENT, "x = foo", "", now=0, rank=2) is None


def test_clear() -> None:
    """After clearing nothing is found."""
    cache = remembering("x = ", "", "foobar")
    cache.clear()
    assert rest(cache, "x = ") is None


def test_bounded_keys() -> None:
    """Only the text near the cursor counts, so that an edit far away does no harm."""
    near, far = "n" * BEFORE, "f" * 1000
    cache = remembering(far + near, "a" * AFTER + "bc", "foobar")
    assert rest(cache, "other" + near, "a" * AFTER + "xy") == "foobar"
    assert rest(cache, "other" + near + "foo", "a" * AFTER + "xy") == "bar"


def test_look_back() -> None:
    """So much may be typed of a long suggestion, and no more."""
    cache = remembering("x", "", "y" * 300)
    assert rest(cache, "x" + "y" * LOOK_BACK) == "y" * (300 - LOOK_BACK)
    assert rest(cache, "x" + "y" * (LOOK_BACK + 1)) is None


def test_closed_bracket() -> None:
    """When the editor closes a bracket that was typed, the rest is found and leaves that bracket alone."""
    cache = remembering("x = ", "\nz", 'f("a", g(b))')
    assert rest(cache, "x = f(", ")\nz") == '"a", g(b)'
    assert rest(cache, 'x = f("', '")\nz') == 'a", g(b))'
    assert cache.get(DOCUMENT, 'x = f("', '")\nz', now=1) == Suggestion('a", g(b))', 2)
    assert rest(cache, "x = f", ")\nz") is None, "not closed by typing"
    assert rest(cache, "x = f(", "]\nz") is None


@settings(max_examples=100, deadline=None)
@given(
    puts=st.lists(
        st.tuples(
            st.text("ab(", max_size=4), st.text("a)", max_size=2), st.text("ab()", min_size=1, max_size=4)
        )
    ),
    before=st.text("ab(", max_size=6),
    after=st.text("a)", max_size=3),
)
def test_never_nothing(puts: list[tuple[str, str, str]], before: str, after: str) -> None:
    """Whatever is remembered, a hit has text, and that is part of what was put in."""
    cache = CompletionCache(capacity=3)
    for key, tail, text in puts:
        cache.put(DOCUMENT, key, tail, Suggestion(text), now=0)
    found = rest(cache, before, after)
    assert found is None or (found and any(found in text for _, _, text in puts))


def test_lookup_time() -> None:
    """A miss among many suggestions for the same place behind the cursor takes a fraction of a millisecond."""
    cache = CompletionCache()
    before = "".join(f"value_{number} = compute({number})\n" for number in range(60))
    for number in range(CAPACITY):
        cache.put(DOCUMENT, before[: 500 + number] + "?", "\n", Suggestion("foobar"), now=0)
    started = time.perf_counter()
    for _ in range(200):
        assert rest(cache, before[-512:], "\n") is None
    assert (time.perf_counter() - started) / 200 < 0.001
