"""What must hold of every conversation with a language server, whatever the test is about."""

from typing import Any

from harness.lsp_client import LspClient


def assert_answered_once(client: LspClient) -> None:
    """Every request got exactly one answer, and no answer came to a request that was never sent."""
    unanswered = [(r.id, r.method) for r in client.requests.values() if not r.responses]
    repeated = [(r.id, r.method, len(r.responses)) for r in client.requests.values() if len(r.responses) > 1]
    assert not unanswered, f"unanswered: {unanswered}"
    assert not repeated, f"answered more than once: {repeated}"
    assert not client.strays, f"answers to nothing: {client.strays}"


def popups(client: LspClient) -> list[dict[str, Any]]:
    """What the server put before the person's eyes: messages and questions, in order."""
    methods = ("window/showMessage", "window/showMessageRequest")
    return [
        m.body["params"] for m in client.messages if m.direction == "in" and m.body.get("method") in methods
    ]


def assert_no_popup(client: LspClient) -> None:
    """Nothing was put before the person's eyes."""
    assert not popups(client), popups(client)
