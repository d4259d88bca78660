"""Which of two versions is the older one. Pure."""

import re


def numbers(text: str) -> tuple[int, ...]:
    """``0.10.1.dev3`` as (0, 10, 1): enough to tell older from newer; empty where there are none."""
    leading = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in leading.group().split(".")) if leading else ()


def older(theirs: str, ours: str) -> bool:
    """Whether a server's version lacks what ours may count on: its first two numbers are lower. Unknown is not."""
    return bool(numbers(theirs)) and numbers(theirs)[:2] < numbers(ours)[:2]


def older_backend(where: str, theirs: str, ours: str) -> str:
    """Say so of the backend at ``where``, and what to do."""
    return (
        f"The backend at {where} is Pilotfish {theirs}, older than this language server ({ours}). Completions go on "
        "as far as it can; have whoever runs it install the newer version."
    )
