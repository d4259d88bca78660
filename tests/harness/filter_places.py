"""Places in a text, and what the filters show there while a suggestion comes in."""

from dataclasses import replace

from pilotfish.lsp.filters import Surroundings, enough, refine


def around(text: str, *, language: str = "python", multiline: bool = False, owed: str = "") -> Surroundings:
    """Build the surroundings of the ``‸`` in a text."""
    above, _, below = text.partition("‸")
    *lines_above, before = above.split("\n")
    after, *lines_below = below.split("\n")
    return Surroundings(
        before=before,
        after=after,
        above=tuple(lines_above[-50:]),
        below=tuple(lines_below[:50]),
        language=language,
        multiline=multiline,
        owed=owed,
    )


def shown(raw: str, s: Surroundings) -> str:
    """What ghost text there would be."""
    suggestion = refine(raw, s)
    return "" if suggestion is None else suggestion.text


def check_stream(raw: str, s: Surroundings) -> None:
    """Feed a text character by character: what is shown only ever grows, up to what is shown of the whole."""
    whole = shown(raw, s)
    if not whole:
        return
    before = ""
    for end in range(len(raw) + 1):
        now = shown(raw[:end], replace(s, complete=False))
        assert whole.startswith(now), (raw[:end], now, whole)
        assert now.startswith(before) or not now, (raw[:end], before, now)
        before = now or before
        if enough(raw[:end], s):  # a text that is cut there may turn out to go round in circles
            assert shown(raw[:end], s) in {whole, ""}, "what comes after enough is not shown"
