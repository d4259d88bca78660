"""How a tokenizer splits the beginning of a line, which decides where a prompt may end."""

from .engines.base import Engine

_LINES = (("if x:\n    ", "return"), ("if x:\n        ", "y"), ("if x:\n\t\t", "return"))
"""An indentation, and what follows it."""


async def keeps_indents(engine: Engine) -> bool:
    """Whether an indentation's tokens are the same with and without the word that follows it.

    CodeGen has tokens for runs of 2 to 31 spaces and 2 to 9 tabs, which never join with a word: a prompt may end
    with the whole indentation. Most other vocabularies join the last space with the word, and a prompt that ends
    with it leaves the model an unlikely token to go on with. Raises ``EngineError``.
    """
    for indent, word in _LINES:
        if await engine.tokenize(indent) + await engine.tokenize(word) != await engine.tokenize(
            indent + word
        ):
            return False
    return True
