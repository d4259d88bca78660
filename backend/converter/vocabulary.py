"""Which ids a model can say and be told: tokenizer, configuration and rows held against each other. Pure."""

from .architecture import Architecture
from .problems import Problem
from .tokenizer_files import TokenizerFacts


def check_rows(architecture: Architecture, tokenizer: TokenizerFacts | None) -> list[Problem]:
    """What is wrong if the tokenizer makes ids for which the checkpoint has no row, or a text can't end."""
    if architecture.eos >= architecture.rows:
        what = f"{architecture.eos} is beyond the checkpoint's {architecture.rows} rows"
        return [Problem("eos_token_id", what)]
    if tokenizer is None or tokenizer.highest < architecture.rows:
        return []
    owner = "is CodeGen's tokenizer and " if tokenizer.is_codegens else ""
    what = (
        f"{owner}makes ids up to {tokenizer.highest}, but the checkpoint has {architecture.rows} rows. "
        "Name the tokenizer that the model was trained with: --tokenizer DIR"
    )
    return [Problem(str(tokenizer.path), what)]


def end_id(architecture: Architecture, tokenizer: TokenizerFacts | None) -> int:
    """The id that ends a text.

    The configuration's, unless the tokenizer says otherwise: some checkpoints keep there what they were made from.
    """
    if tokenizer is None or tokenizer.end is None or architecture.eos in tokenizer.special:
        return architecture.eos
    return tokenizer.end
