"""Which documents never leave the editor."""

import pytest

from pilotfish.lsp.exclusion import unreadable_globs, why_excluded


@pytest.mark.parametrize(
    "uri",
    [
        "file:///project/.env",
        "file:///project/.ENV",
        "file:///project/.env.local",
        "file:///project/prod.env",
        "file:///project/deep/id_rsa",
        "file:///project/deep/id_ed25519.pub",
        "file:///home/me/.ssh/config",
        "file:///home/me/.aws/credentials",
        "file:///project/server.pem",
        "file:///project/SERVER.KEY",
        "file:///project/secrets.yaml",
        "file:///home/me/.netrc",
        "file:///home/me/.pgpass",
        "file:///project/%2Eenv",
        "file:///c%3A/project/.env",
        "file:///C:/project/.env",
        "vscode-notebook-cell:/project/secrets.ipynb#cell1",
        "untitled:/project/.env",
        "file://server/share/.env",
        "FILE:///project/.env",
        "file:///project/server.pem~",
        "file:///project/server.pem.bak",
        "file:///project/.server.pem.swp",
        "file:///project/%23server.pem%23",
        "file:///project/.%23server.pem",
        "file:///c%3A/project/server.pem.%20",
        "file:///c%3A/project/server.pem::$DATA",
        "file:///project/.ssh/../.ssh/known_hosts",
    ],
)
def test_secrets_are_excluded(uri: str) -> None:
    """A file with a secret's name is excluded, whatever its case, folder, drive or percent-encoding."""
    assert why_excluded(uri, "plaintext") is not None


@pytest.mark.parametrize(
    "uri",
    [
        "file:///project/environment.py",
        "file:///project/keys.py",
        "file:///project/ssh/client.py",
        "file:///project/secretsanta.py",
        "untitled:Untitled-1",
        "vscode-notebook-cell:/project/analysis.ipynb#W0sZmlsZQ%3D%3D",
        "file:///c%3A/project/module.py",
        "file:///project/.bak",
        "file:///project/~",
        "file:///project/module.py.orig",
    ],
)
def test_ordinary_documents_are_not(uri: str) -> None:
    """A name that only resembles a secret's is fine."""
    assert why_excluded(uri, "python") is None


@pytest.mark.parametrize(
    "uri", ["git:/project/a.py", "output:log", "https://example.org/a.py", "a.py", "ssh://host/a"]
)
def test_other_schemes_are_excluded(uri: str) -> None:
    """Only files, new documents and notebook cells are completed in."""
    assert why_excluded(uri, "python") is not None


def test_a_link_can_not_hide_a_secret() -> None:
    """The name behind a symbolic link counts as well."""
    assert why_excluded("file:///project/settings.py", "python", resolved="/home/me/.ssh/id_rsa") is not None


def test_globs_count_from_the_workspace() -> None:
    """The user's patterns are read as in a .gitignore in the workspace's root."""
    inside = {"root": "/project", "exclude": ["/private/", "*.gen.py", "!kept.gen.py"]}
    assert why_excluded("file:///project/private/a.py", "python", **inside) is not None  # type: ignore[arg-type]
    assert why_excluded("file:///project/src/private/a.py", "python", **inside) is None  # type: ignore[arg-type]
    assert why_excluded("file:///project/x.gen.py", "python", **inside) is not None  # type: ignore[arg-type]
    assert why_excluded("file:///project/kept.gen.py", "python", **inside) is None  # type: ignore[arg-type]


def test_disabled_languages() -> None:
    """A language that is switched off is excluded by its id."""
    assert why_excluded("file:///a.md", "markdown", disabled=["Markdown"]) is not None
    assert why_excluded("file:///a.md", "python", disabled=["markdown"]) is None


def test_no_glob_readmits_a_secret() -> None:
    """A workspace can't undo the exclusion of secrets by a pattern of its own."""
    assert (
        why_excluded("file:///project/.env", "plaintext", root="/project", exclude=["!.env", "!*"])
        is not None
    )


def test_unreadable_globs() -> None:
    """A pattern that is none is named, and does not take the others or all completions with it."""
    globs = ["!", "*.sql", "\\"]
    assert unreadable_globs(globs) == ["!", "\\"]
    assert why_excluded("file:///project/a.sql", "sql", root="/project", exclude=globs) is not None
    assert why_excluded("file:///project/a.py", "python", root="/project", exclude=globs) is None
