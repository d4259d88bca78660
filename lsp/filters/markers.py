"""What a model writes that is not code of this file: its own markers, and the beginnings of other texts."""

import re

from pilotfish.lsp.filters.suggestion import NOTHING_YET, Suggestion, Surroundings

_SPECIAL_NAMES = (
    "fim_prefix fim_suffix fim_middle fim_pad file_sep repo_name filename reponame gh_stars commit_before commit_msg "
    "commit_after jupyter_start jupyter_text jupyter_code jupyter_output empty_output issue_start issue_comment "
    "issue_closed endoftext PRE SUF MID EOT EOD unk pad bos eos start_of_turn end_of_turn"
)
_SPECIALS = (*(f"<{name}>" for name in _SPECIAL_NAMES.split()), "[INST]", "[/INST]", "</s>")
_BARRED = r"<[|\uff5c][\w\u2581]{2,40}[|\uff5c]>"
_SPECIAL = re.compile("|".join([_BARRED, *map(re.escape, _SPECIALS)]))
_BARRED_BEGUN = re.compile(r"<[|\uff5c][\w\u2581]{0,40}[|\uff5c]?\Z")
_LONGEST = max(map(len, _SPECIALS))

_THINK, _THOUGHT, _FENCE, _DIFF = "<think>", "</think>", "```", "diff --git "


def strip_markers(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 1: cut at special tokens, at the header of another file and at a patch; unwrap fences and thoughts."""
    text = suggestion.text
    if text.lstrip().startswith(_THINK):
        _, thought, text = text.partition(_THOUGHT)
        if not thought:
            return None if s.complete else NOTHING_YET
    if not s.syntax.prose:
        unfenced = _unfenced(text)
        if unfenced is None:
            return None if s.complete else NOTHING_YET
        text = unfenced
    special = _SPECIAL.search(text)
    if special:
        text = text[: special.start()]
    begin = s.syntax.comment[0] + "Path: "
    starts = (begin, _DIFF) if s.syntax.prose else (begin, _DIFF, _FENCE)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        at_line_start = number > 0 or not s.before.strip()
        if at_line_start and line.lstrip().startswith(starts):
            return suggestion.cut("\n".join(lines[:number]))
    if special or s.complete:
        return suggestion.cut(text)
    return suggestion.cut(
        _settled(text, (*starts, _THINK), whole_line=len(lines) > 1 or not s.before.strip())
    )


def _unfenced(text: str) -> str | None:
    """The text without a fence around it, or None when so far there is only the fence."""
    if not text.lstrip().startswith(_FENCE):
        return text
    _, line_end, inside = text.lstrip().partition("\n")
    return inside if line_end else None


def _settled(text: str, starts: tuple[str, ...], *, whole_line: bool) -> str:
    """Half a stream without what may turn out to be a marker."""
    barred = _BARRED_BEGUN.search(text)
    if barred:
        return text[: barred.start()]
    for length in range(min(_LONGEST, len(text)), 0, -1):
        if any(special.startswith(text[-length:]) for special in _SPECIALS):
            return text[:-length]
    line = text.rpartition("\n")[2].lstrip()
    # A comment sign alone begins any comment.
    if whole_line and any(
        start.startswith(line) and (len(line) > 2 or start in {_FENCE, _THINK}) for start in starts
    ):
        return text[: len(text) - len(line)]
    return text
