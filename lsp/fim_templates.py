"""How models want fill-in-the-middle prompts written, for servers that take no ``suffix``.

The tokens are those of the models' own cards. Nothing here guesses from a model's name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """The markers around prefix and suffix; what is generated follows ``middle``."""

    prefix: str
    """Stands before the text left of the cursor."""
    suffix: str
    """Stands before the text right of the cursor."""
    middle: str
    """Stands where the model begins to write; the typed part of a line may follow it."""
    suffix_first: bool = False
    """Whether the suffix is written before the prefix."""
    stop: tuple[str, ...] = ()
    """Markers with which the model says that it is done, beside its end of text."""

    def render(self, prefix: str, suffix: str, middle: str = "") -> str:
        """Return the prompt; the text after ``self.middle`` is continued, not repeated."""
        before = self.prefix + prefix
        after = self.suffix + suffix
        body = after + before if self.suffix_first else before + after
        return body + self.middle + middle


_QWEN_STOP = (
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
_STARCODER_STOP = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "<repo_name>")

TEMPLATES = {
    "qwen": FimTemplate("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", stop=_QWEN_STOP),
    "starcoder": FimTemplate("<fim_prefix>", "<fim_suffix>", "<fim_middle>", stop=_STARCODER_STOP),
    "codellama": FimTemplate("<PRE> ", " <SUF>", " <MID>", stop=("<EOT>",)),
    "deepseek": FimTemplate(
        "<｜fim▁begin｜>",  # noqa: RUF001  these bars and blocks are the model's own characters
        "<｜fim▁hole｜>",  # noqa: RUF001
        "<｜fim▁end｜>",  # noqa: RUF001
        stop=("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001
    ),
    "codegemma": FimTemplate(
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", stop=("<|file_separator|>", "<|fim_prefix|>")
    ),
    "codestral": FimTemplate("[PREFIX]", "[SUFFIX]", "", suffix_first=True, stop=("[SUFFIX]", "[PREFIX]")),
    "granite": FimTemplate(
        "<fim_prefix>", "<fim_suffix>", "<fim_middle>", stop=("<fim_prefix>", "<fim_suffix>")
    ),
}
"""By the name that ``completion.fim`` takes."""
