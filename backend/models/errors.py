"""What can go wrong between a model's name and its file."""


class ModelError(Exception):
    """Something about a model; the message says what to do."""


class UnknownModelError(ModelError):
    """Neither a name of the catalogue nor a file."""


class NotPulledError(ModelError):
    """In the catalogue, but not on this machine."""


class BadModelFileError(ModelError):
    """The file is no GGUF, is damaged, or is something that can't be served."""


class PullError(ModelError):
    """The model could not be brought here."""


class OfflineError(PullError):
    """The place that the model comes from can't be reached."""


class NoSpaceError(PullError):
    """The disk has no room for it."""


class WrongHashError(PullError):
    """What came is not what was promised."""
