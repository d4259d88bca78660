"""What the commands around the team's containers say when they can't go on."""


class ComposeError(Exception):
    """Something about the team backend; the message says what, and what to do."""
