"""From a question to the call that answers it: how much to ask for, and with which prompt. Pure."""

from dataclasses import dataclass, replace

from pilotfish.lsp import context, trigger
from pilotfish.lsp.completion_request import CompletionRequest
from pilotfish.lsp.context import Style
from pilotfish.lsp.documents import Cursor, split_lines
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Place, Query, place_of
from pilotfish.lsp.settings import CompletionSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """A call that is about to be made."""

    place: Place
    """The place, with what the filters have to know of the prompt."""
    prompt: context.Prompt
    request: CompletionRequest

    @property
    def characters(self) -> int:
        """Characters of the whole prompt."""
        return len(self.prompt.prefix) + len(self.prompt.suffix or "") + len(self.prompt.middle)


def plan_call(
    query: Query,
    *,
    anchor: int | None,
    style: Style,
    device: str,
    settings: CompletionSettings,
    ahead: bool = False,
) -> Plan:
    """Plan the call for a query. ``ahead``: behind a line that is complete, so that the next one is wanted."""
    place = place_of(query)
    around = place.surroundings
    mode = trigger.mode(
        around.before,
        around.after,
        around.below,
        automatic=query.automatic,
        multiline=settings.multiline,
        device=device,
        above=around.above,
        language=query.language,
    )
    block = mode is trigger.Mode.BLOCK
    prompt = context.build_prompt(
        query.lines, query.cursor, path=query.path, language=query.language, anchor=anchor, style=style
    )
    around = replace(around, owed=prompt.owed, multiline=block, max_lines=settings.max_lines, complete=False)
    request = CompletionRequest(
        prompt=prompt.prefix,
        suffix=prompt.suffix,
        middle=prompt.middle,
        max_tokens=trigger.max_tokens(mode, device=device, fim=style.fim),
        # Where a line is wanted the backend stops by itself, and says what the call cost.
        stop=() if block or ahead else ("\n",),
    )
    return Plan(replace(place, surroundings=around), prompt, request)


def after_accepting(query: Query, suggestion: Suggestion) -> Query:
    """The query that would follow if a suggestion were accepted."""
    line, column = query.cursor.line, query.cursor.column
    current = query.lines[line]
    changed = split_lines(current[:column] + suggestion.text + current[column + suggestion.overwrite :])
    if line + 1 < len(query.lines):
        changed.pop()  # what follows the line's own end is the next line
    added = suggestion.text.count("\n")
    width = len(suggestion.text) - suggestion.text.rfind("\n") - 1
    return replace(
        query,
        version=None,
        lines=[*query.lines[:line], *changed, *query.lines[line + 1 :]],
        cursor=Cursor(line + added, width if added else column + width),
    )
