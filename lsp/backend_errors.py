"""What can go wrong between us and a backend, each with a message that a user can act on.

    BackendError
    ├─ BackendUnreachable   no connection, or the server is out of order
    ├─ BackendTimeout       nothing came for too long
    ├─ Overloaded           it asks us to wait
    ├─ Unauthorized         it wants another key
    ├─ ModelNotFound        it has other models
    ├─ BadSetting           we can't even ask: a certificate's file is missing, say
    ├─ BadRequest           it refuses this one request
    └─ ProtocolError        it does not speak as an OpenAI-compatible server does

No message holds text of the user's, a key, or a password.
"""

from collections.abc import Sequence


class BackendError(Exception):
    """A request to the backend failed; ``str()`` says how, in one sentence without a full stop."""


class BackendUnreachable(BackendError):
    """There is no connection, or the server is out of order (5xx)."""


class BackendTimeout(BackendError):
    """The backend sent nothing for longer than ``backend.timeout``."""


class Overloaded(BackendError):
    """The backend refuses for now (429, 503)."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait, when the backend said so."""


class Unauthorized(BackendError):
    """The key is missing, wrong or may not do this (401, 403, 407)."""


class ModelNotFound(BackendError):
    """The backend does not have the model."""

    def __init__(self, message: str, *, available: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.available = tuple(available)
        """The names of the models that it has."""


class BadSetting(BackendError):
    """A setting makes it impossible to ask."""


class BadRequest(BackendError):
    """The backend refuses the request as it is (400, 413, 422)."""


class ProtocolError(BackendError):
    """The answer is not what an OpenAI-compatible server sends."""
