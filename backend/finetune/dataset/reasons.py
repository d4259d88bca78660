"""Why a file is left out of a data set, and how the report names it. Pure."""

from collections.abc import Mapping

IGNORED = "ignored"
BARE = "bare"
LINK = "link"
LINK_LOOP = "link-loop"
SPECIAL = "special"
ODD_NAME = "odd-name"
UNREADABLE = "unreadable"
TOO_LARGE = "too-large"
EMPTY = "empty"
BINARY = "binary"
NOT_UTF8 = "not-utf8"
LOCK = "lock"
VENDORED = "vendored"
GENERATED = "generated"
MINIFIED = "minified"
SECRET = "secret"  # noqa: S105 - the reason's name
SECRET_NAME = "secret-name"  # noqa: S105
NO_TEXT = "no-text"
DUPLICATE = "duplicate"
NEAR_DUPLICATE = "near-duplicate"

LABELS: Mapping[str, str] = {
    IGNORED: "ignored by .gitignore (a folder counts as one)",
    BARE: "repository without a work tree (clone it)",
    LINK: "symbolic link",
    LINK_LOOP: "symbolic link that leads in a circle",
    SPECIAL: "no regular file",
    ODD_NAME: "name with control characters",
    UNREADABLE: "unreadable",
    TOO_LARGE: "too large",
    EMPTY: "empty",
    BINARY: "binary",
    NOT_UTF8: "not UTF-8",
    LOCK: "lock file",
    VENDORED: "vendored (a folder counts as one)",
    GENERATED: "generated",
    MINIFIED: "minified",
    SECRET: "holds a secret",
    SECRET_NAME: "has a secret's name",
    NO_TEXT: "row without text",
    DUPLICATE: "duplicate",
    NEAR_DUPLICATE: "near-duplicate",
}
"""In the order in which the report has them."""
