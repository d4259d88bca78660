"""JSON-RPC conduct: every request is answered exactly once, and no malformed message becomes a dialog.

pygls leaves a request unanswered when its parameters can't be read, and tells the user in a pop-up. Editors in the
field send such requests (old clients number trigger kinds from 0), so both are put right here.
"""

import logging
from typing import Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

log = logging.getLogger(__name__)

CURSOR = "pilotfish/cursor"
"""A notification of ours, ``{textDocument, position}``: where the user has gone in a document. LSP does not tell, and
a key at a place that the backend has not seen waits for a cold prefill. Editors' clients may send it; none has to."""

SERVER_NOT_INITIALIZED = -32002
INVALID_REQUEST = -32600


@attrs.define
class CursorNotification:
    """The notification ``CURSOR``."""

    params: types.TextDocumentPositionParams
    method: str = CURSOR
    jsonrpc: str = "2.0"


class Protocol(LanguageServerProtocol):
    """pygls' protocol with the answers that it forgets."""

    _old_trigger_kinds = False

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # there it is cached
        """The class that a method's message is read as."""
        known: type[Any] | None = super().get_message_type(method)
        return CursorNotification if method == CURSOR else known

    @property
    def shut_down(self) -> bool:
        """Whether ``shutdown`` was asked for."""
        return self._shutdown

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Turn a decoded JSON object into a message, or answer it with an error and return None."""
        if "jsonrpc" not in data:
            return data  # an object inside a message
        if data.get("method") == types.TEXT_DOCUMENT_INLINE_COMPLETION:
            self._renumber_trigger_kind(data)
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            method = data.get("method")
            log.warning("malformed message: method=%s", method if isinstance(method, str) else None)
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            elif "id" in data:
                future = self._request_futures.pop(data["id"], None)
                if future is not None:
                    future.set_exception(error)
            return None

    def handle_message(self, message: Any) -> None:
        """Dispatch a message; what can't be dispatched now is refused rather than dropped."""
        if message is None:
            return
        if hasattr(message, "id") and hasattr(message, "method"):
            if self._shutdown:
                self._refuse(message.id, INVALID_REQUEST, "the server is shutting down")
                return
            if self._workspace is None and message.method != types.INITIALIZE:
                self._refuse(message.id, SERVER_NOT_INITIALIZED, "the server has not been initialized")
                return
        elif self._workspace is None and getattr(message, "method", types.EXIT) not in {
            types.EXIT,
            types.SET_TRACE,
        }:
            return
        super().handle_message(message)

    def _refuse(self, msg_id: int | str, code: int, message: str) -> None:
        self._send_response(msg_id, error=types.ResponseError(code=code, message=message))

    def _renumber_trigger_kind(self, data: dict[str, Any]) -> None:
        """Map trigger kinds of LSP 3.18's drafts (0 invoked, 1 automatic) to those of the standard (1, 2).

        A client that ever sends 0 is such an old one, so that its 1 means automatic from then on.
        """
        params = data.get("params")
        place = params.get("context") if isinstance(params, dict) else None
        if not isinstance(place, dict):
            return
        kind = place.get("triggerKind")
        if kind == 0 and not isinstance(kind, bool):
            self._old_trigger_kinds = True
        if self._old_trigger_kinds and kind in {0, 1}:
            place["triggerKind"] = kind + 1
