"""What stands in the way of a training."""


class FinetuneError(Exception):
    """A training can't be done as asked, or has failed; the message says why and what to do."""
