"""What stands beside ``model.bin`` in a CTranslate2 folder: the tokens' names, and a little configuration. Pure.

CTranslate2 takes and gives tokens by name, so every row of the model has one of its own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .architecture import Architecture
from .problems import ConvertError


def vocabulary(tokens: Mapping[str, int], rows: int) -> list[str]:
    """A name for each of ``rows`` ids: the tokenizer's own, and ``<extra_id_0>`` … for those it does not have.

    Raises ``ConvertError`` if a token's id has no row.
    """
    names: list[str | None] = [None] * rows
    for token, number in tokens.items():
        if not 0 <= number < rows:
            raise ConvertError(
                f"The tokenizer's token {token!r} is number {number}; the model has {rows} rows."
            )
        names[number] = token
    extra = (name for count in range(rows) if (name := f"<extra_id_{count}>") not in tokens)
    return [next(extra) if name is None else name for name in names]


def tokens_of(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Names and ids of all that ``tokenizer.json`` knows, tokens that were added later included.

    Raises ``ConvertError`` if it is none.
    """
    try:
        tokens = {str(token): int(number) for token, number in tokenizer["model"]["vocab"].items()}
        added = {str(each["content"]): int(each["id"]) for each in tokenizer.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConvertError(f"tokenizer.json has no vocabulary of a known kind: {error!r}.") from error
    return tokens | added


def vocabulary_text(names: Sequence[str]) -> str:
    """``vocabulary.json``."""
    return json.dumps(list(names), indent=2)


def config_text(architecture: Architecture, names: Sequence[str]) -> str:
    """``config.json``. The token that ends a text begins one too, and stands for what is not known."""
    end = names[architecture.eos]
    config = {
        "bos_token": end,
        "eos_token": end,
        "layer_norm_epsilon": architecture.eps,
        "multi_query_attention": False,
        "unk_token": end,
    }
    return json.dumps(config, indent=2, sort_keys=True) + "\n"
