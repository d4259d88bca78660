"""What a module must have that writes a model repository."""

from dataclasses import dataclass
from typing import Protocol

from .architecture import Architecture
from .mapping import GptjWeights
from .options import ConvertOptions
from .problems import Problem
from .staging import Stage
from .tokenizer_files import TokenizerFacts


@dataclass(frozen=True, slots=True)
class Written:
    """What a target wrote, for the manifest."""

    rows: int = 0
    """Of the vocabulary, padded ones included."""
    dtype: str = ""
    """Of the numbers that are not quantised."""
    quantization: str | None = None


class Target(Protocol):
    """A module: ``fastertransformer`` or ``ctranslate2_target``."""

    def check(self, architecture: Architecture, options: ConvertOptions, /) -> list[Problem]:
        """What keeps this model from being written as the options say; nothing is written then."""
        ...

    def planned_bytes(
        self, weights: GptjWeights, architecture: Architecture, options: ConvertOptions, /
    ) -> int:
        """About how much will be written: for the room on the disk and for the progress."""
        ...

    def write(
        self,
        weights: GptjWeights,
        architecture: Architecture,
        options: ConvertOptions,
        stage: Stage,
        tokenizer: TokenizerFacts | None,
        /,
    ) -> Written:
        """Write all but the tokenizer's files and the manifest.

        ``architecture.eos`` is the tokenizer's end of text. Progress is told by the stage, by the bytes written.
        Raises ``ConvertError`` for numbers that can't be written so.
        """
        ...
