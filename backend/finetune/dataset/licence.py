"""Under which licence a file stands, as an SPDX identifier, told from texts. Pure."""

import re
from collections.abc import Iterable, Mapping

_HEADER = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+\-() ]*[A-Za-z0-9.+)])")
_FILE = re.compile(
    r"(?:(?:un)?licen[cs]e|copying)(?:[-_.](?:apache|mit|bsd|l?gpl|agpl|lesser|mpl|epl|isc|zlib|boost|bsl|psf|cc0)[\w.-]*)?"
    r"(?:\.(?:txt|md|rst|html))?",
    re.IGNORECASE,
)
_HEAD = 4096
"""Characters of a file in which an SPDX line is looked for."""

_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AGPL-3.0", ("gnu affero general public license", "version 3")),
    ("LGPL-3.0", ("gnu lesser general public license", "version 3")),
    ("LGPL-2.1", ("gnu lesser general public license", "version 2.1")),
    ("LGPL-2.0", ("gnu library general public license", "version 2")),
    ("GPL-3.0", ("gnu general public license", "version 3")),
    ("GPL-2.0", ("gnu general public license", "version 2")),
    ("MPL-2.0", ("mozilla public license", "2.0")),
    ("EPL-2.0", ("eclipse public license", "2.0")),
    ("Apache-2.0", ("apache license", "version 2.0")),
    ("BSL-1.0", ("boost software license", "version 1.0")),
    ("PSF-2.0", ("python software foundation license version 2",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("Unlicense", ("released into the public domain", "unlicense")),
    ("Zlib", ("altered source versions must be plainly marked", "misrepresented")),
    ("BSD-3-Clause", ("redistribution and use in source and binary forms", "endorse or promote")),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
    (
        "MIT",
        ("permission is hereby granted, free of charge", "the above copyright notice and this permission"),
    ),
    ("ISC", ("permission to use, copy, modify, and", "provided that the above copyright notice")),
    ("0BSD", ("permission to use, copy, modify, and",)),
)
"""What a licence's text has, all of it, in lower case with single spaces; the first that fits. The GNU licences' texts
do not say whether a later version will do."""


def header_licence(text: str) -> str | None:
    """What the line ``SPDX-License-Identifier`` near the head of a file says."""
    found = _HEADER.search(text, 0, _HEAD)
    return " ".join(found[1].split()) if found else None


def is_licence_file(name: str) -> bool:
    """Whether a file of this name holds a licence's text."""
    return _FILE.fullmatch(name) is not None


def text_licence(text: str) -> str | None:
    """The licence whose text this is; None if it is not one that is known here."""
    if said := header_licence(text):
        return said
    plain = " ".join(text.lower().split())
    heads = {
        name: plain.find(phrases[0]) for name, phrases in _PHRASES if all(each in plain for each in phrases)
    }
    order = [name for name, _ in _PHRASES]
    # A GNU licence names its sisters further down: what stands first is the title.
    return min(heads, key=lambda name: (heads[name], order.index(name)), default=None)


def folder_licence(texts: Mapping[str, str]) -> str | None:
    """The licence of a folder with these licence files (name to text); several: all their names, or any of them.

    ``LICENSE-MIT`` beside ``LICENSE-APACHE`` is how a choice is offered; other files beside each other add up.
    """
    found = sorted({name for text in texts.values() if (name := text_licence(text))})
    if not found:
        return None
    return (" OR " if all("-" in name for name in texts) else " AND ").join(_bracketed(found))


def _bracketed(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [f"({name})" if len(listed) > 1 and " " in name else name for name in listed]
