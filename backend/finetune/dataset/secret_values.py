"""Tells a secret from what only stands where one would: placeholders, names, examples. Pure."""

import math
import re
from collections import Counter
from collections.abc import Mapping

PREFIXED: Mapping[str, re.Pattern[str]] = {
    "Anthropic API Key": re.compile(r"sk-ant-[\w-]{24,}"),
    "GitHub Fine-Grained Token": re.compile(r"github_pat_\w{60,}"),
    "Google API Key": re.compile(r"AIza[\w-]{35}(?![\w-])"),
    "Hugging Face Token": re.compile(r"hf_[A-Za-z]{34}\b"),
    "OpenAI Token": re.compile(r"sk-(?:proj|svcacct|admin)-[\w-]{40,}"),
}
"""Kinds that the library does not know."""
ACCESS_TOKEN = re.compile(
    r"(?i:(?:access|api|auth|bearer|bot|deploy|personal|refresh|secret)[_-]?token)[\"'\]]{0,2}"
    r"[ \t]{0,4}(?::[ \t]?[\w.]{1,30} ?=|:|:=|=>|=)[ \t]{0,4}[\"'](?=[^\"']{0,60}\d)([\w.+/=-]{20,})[\"']"
)
"""A long string that is given to a name which says that it gives access."""
_PLACEHOLDERS = frozenset(
    (
        *(
            "password",
            "passwd",
            "pass",
            "pwd",
            "pw",
            "secret",
            "user",
            "username",
            "guest",
            "admin",
            "root",
            "test",
        ),
        *("changeme", "example", "foobar", "token", "apikey", "api_key", "xxxxxx", "postgres", "mypassword"),
        *("yourpassword", "your_password", "password123", "123456", "hunter2", "letmein", "placeholder"),
    )
)
_REFERENCE = re.compile(r"[$%{<(\[]|.*[}>)\]]$|.*\.(?:\w+)\(|\\")
"""A variable, a template, a call, a pattern."""
_NAME = re.compile(r"[a-z]+(?:[_-][a-z]+)*[_-]?\d{0,2}|[A-Z]+(?:_[A-Z]+)+_?\d{0,2}")
"""What names are made of, such as user_password_2."""
_KEY_TEXT = re.compile(
    r"[\s\"'\\nr+,()-]{0,40}(?:[\w-]{1,20}: [^\n]{1,80}\s{1,4}){0,4}[\s\"'\\nr]{0,12}[A-Za-z0-9+/=]{40}"
)


def is_password(value: str) -> bool:
    """Whether a value that stands for a password may be one.

    It has letters and digits, or is long, and is neither a word that everyone writes there nor a name of it.
    """
    if len(value) < 6 or value.lower() in _PLACEHOLDERS or _REFERENCE.match(value):
        return False
    return _mixed(value) or len(value) >= 16


def is_assigned_secret(value: str) -> bool:
    """Whether what is assigned to a name such as ``password`` or ``api_key`` may be a secret.

    Fewer than eight characters have too little entropy for one.
    """
    if any(map(str.isspace, value)) or value.lower() in _PLACEHOLDERS:
        return False
    return _mixed(value) and entropy(value) >= 3.0 and not (_REFERENCE.match(value) or _NAME.fullmatch(value))


def is_key_text(after: str) -> bool:
    """Whether a private key stands behind its first line, and not only the talk of one."""
    return _KEY_TEXT.match(after.lstrip("-")) is not None


def entropy(value: str) -> float:
    """Shannon's, in bits for each character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def _mixed(value: str) -> bool:
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))
