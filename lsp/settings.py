"""Every setting with its default and its meaning: this tree is the reference.

Configuration files, the environment and editors all spell a setting by its path here: ``backend.url`` is
``url`` under ``[backend]`` in ``config.toml`` and ``.pilotfish.toml``, ``PILOTFISH_BACKEND_URL`` in the
environment, and ``{"backend": {"url": …}}`` from an editor, where camelCase is understood too.
"""
# ruff: noqa: RUF009  setting() declares a field, as dataclasses.field() does

from dataclasses import dataclass, field

from pilotfish.lsp.fim_templates import TEMPLATES
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.setting_kinds import (
    address,
    choice,
    command,
    file_path,
    is_local_path,
    number,
    secret,
    setting,
    switch,
    text,
    texts,
    whole,
    whole_or_auto,
)


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where completions come from."""

    url: str = setting("", address(), guarded=True)
    """Root of an OpenAI-compatible server, with or without ``/v1``; empty: the local backend."""
    api_key: Secret = setting(Secret(), secret(), guarded=True)
    """Sent as ``Authorization: Bearer …``; empty: no such header."""
    api_key_command: tuple[str, ...] = setting((), command(), guarded=True)
    """A program and its arguments, run without a shell, whose first line of output is the API key, unless
    ``api_key`` is set."""
    model: str = setting("", text("a model's name or a path"), guarded=is_local_path)
    """Which model to ask for; empty: the backend's first. For the local backend also a file's full path."""
    autostart: bool = setting(default=True, kind=switch())
    """Whether to start the local backend when there is no ``url`` and the local engine is installed."""
    idle_timeout: float = setting(1800.0, number(10, 1_000_000, "seconds"))
    """Seconds without a request after which a local backend that we started stops."""
    timeout: float = setting(20.0, number(0.5, 600, "seconds"))
    """Seconds without a byte from the backend after which a request is given up."""
    ca_file: str = setting("", file_path(), guarded=True)
    """PEM file of the certificate authorities to trust, instead of the operating system's."""
    client_cert_file: str = setting("", file_path(), guarded=True)
    """PEM file of a client certificate (with its chain) for servers that ask for one."""
    client_key_file: str = setting("", file_path(), guarded=True)
    """PEM file of the client certificate's key; empty: it is in ``client_cert_file``."""


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """When to ask and what to show."""

    mode: str = setting("auto", choice("auto", "inline", "menu", "both"))
    """Ghost text, completion menu, or both; auto: the menu only where the editor has no inline completion."""
    delay: int | None = setting(None, whole_or_auto(0, 10_000, "milliseconds"))
    """Milliseconds between the starts of calls while one types; auto (None here): by the backend's device and
    by how often suggestions are typed over."""
    max_lines: int = setting(12, whole(1, 100, "lines"))
    """The longest suggestion."""
    multiline: str = setting("auto", choice("auto", "always", "never"))
    """Whether a suggestion may have several lines; auto: where a block begins."""
    fim: str = setting("auto", choice("auto", "suffix", "none", *TEMPLATES))
    """How the text after the cursor is sent. auto: as the backend announces; suffix: in the field ``suffix``;
    none: not at all; or a template's name, for a server without ``suffix`` whose model knows it."""
    prefetch: str = setting("auto", choice("auto", "always", "never"))
    """Whether the continuation of a shown suggestion is asked for in advance; auto: not from a CPU."""
    inlay_hint: str = setting("auto", choice("auto", "always", "never"))
    """Whether suggestions are also inlay hints at the end of the last edit; auto: in Helix."""


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How much text goes into a prompt. Auto (None here) takes what suits the backend's model and device."""

    prompt_tokens: int | None = setting(None, whole_or_auto(64, 131_072, "tokens"))
    """The whole prompt without the suffix."""
    suffix_tokens: int | None = setting(None, whole_or_auto(0, 32_768, "tokens"))
    """The text after the cursor."""
    import_tokens: int | None = setting(None, whole_or_auto(0, 4_096, "tokens"))
    """The file's imports, kept in the prompt when the window has moved past them."""
    chars_per_token: float = setting(3.0, number(1, 10, "characters"))
    """Characters that a token is taken for until the backend's own counts are known."""


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """Where to stay silent."""

    disabled: tuple[str, ...] = setting((), texts("a list of language ids, such as markdown"))
    """LSP language ids in which nothing is suggested."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged. Nothing that the user typed ever is."""

    level: str = setting("info", choice("error", "warning", "info", "debug"))
    """The least serious messages that are logged."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree."""

    backend: BackendSettings = field(default_factory=BackendSettings)
    """Where completions come from."""
    completion: CompletionSettings = field(default_factory=CompletionSettings)
    """When to ask and what to show."""
    context: ContextSettings = field(default_factory=ContextSettings)
    """How much text goes into a prompt."""
    languages: LanguageSettings = field(default_factory=LanguageSettings)
    """Where to stay silent."""
    exclude: tuple[str, ...] = setting((), texts("a list of globs, such as private/**"), adds=True)
    """Globs, written as in .gitignore, of files that are neither completed in nor used as context, beside the
    secret files that never are. Those of all layers count."""
    log: LogSettings = field(default_factory=LogSettings)
    """What is logged."""
    trusted_workspaces: tuple[str, ...] = setting((), texts("a list of folders"), user_only=True)
    """Folders whose ``.pilotfish.toml`` may set all. Only the user's own ``config.toml`` can say so."""
