"""Which tokens of a vocabulary mark prefix, suffix and middle, and which end a completion. Pure."""

# ruff: noqa: RUF001 (DeepSeek's tokens are spelt with such characters)
from collections.abc import Sequence
from dataclasses import dataclass

from .gguf_metadata import GgufMetadata

_PREFIX = (
    *("<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>"),  # Qwen, CodeGemma; StarCoder, Granite; older ones
    *("<｜fim▁begin｜>", "▁<PRE>", "<PRE>", "<|code_prefix|>"),  # DeepSeek; CodeLlama; GLM
)
_SUFFIX = (
    *("<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>"),
    *("<｜fim▁hole｜>", "▁<SUF>", "<SUF>", "<|code_suffix|>"),
)
_MIDDLE = (
    *("<|fim_middle|>", "<fim_middle>", "<fim-middle>"),
    *("<｜fim▁end｜>", "▁<MID>", "<MID>", "<|code_middle|>"),
)
_ENDS = (
    *("<|endoftext|>", "<|end_of_text|>", "<|end▁of▁sentence|>", "<｜end▁of▁sentence｜>", "</s>"),
    *("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "▁<EOT>", "<EOT>"),
    *("<|fim_pad|>", "<fim_pad>", "<fim-pad>"),
    *("<|file_sep|>", "<file_sep>", "<|file_separator|>", "<|repo_name|>", "<repo_name>", "<reponame>"),
    *("<filename>", "<gh_stars>"),
)
_DOCUMENT_START = ("<|endoftext|>", "<|end_of_text|>")
"""Models of these families were trained on texts that this token keeps apart."""

KNOWN_TOKENS = frozenset({*_PREFIX, *_SUFFIX, *_MIDDLE, *_ENDS, *_DOCUMENT_START})
"""All tokens that mean something here, for ``read_metadata``'s ``wanted``."""

_END_KEYS = ("eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep")


@dataclass(frozen=True, slots=True)
class FimTokens:
    """Ids of the three tokens that a prompt to fill in is made of."""

    prefix: int
    suffix: int
    middle: int


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What a prompt may begin with, be made of, and end by."""

    fim: FimTokens | None
    """None: the model can't fill in."""
    ends: frozenset[int]
    """Tokens after which nothing belongs to the completion any more."""
    bos: int | None
    """What the model wants before every prompt; None: nothing."""
    start: int | None
    """What stands for the beginning of a text when the prompt is empty."""


def special_tokens(metadata: GgufMetadata) -> SpecialTokens:
    """Read them from the tokenizer's keys, and where those are silent, from well-known spellings."""
    parts = (
        _one(metadata, ("fim_pre", "prefix"), _PREFIX),
        _one(metadata, ("fim_suf", "suffix"), _SUFFIX),
        _one(metadata, ("fim_mid", "middle"), _MIDDLE),
    )
    prefix, suffix, middle = parts
    fim = None
    if prefix is not None and suffix is not None and middle is not None and len(set(parts)) == len(parts):
        fim = FimTokens(prefix, suffix, middle)
    ends = {metadata.token(key) for key in _END_KEYS}
    ends.update(metadata.token_ids.get(text) for text in _ENDS)
    if fim is not None:
        ends.update((fim.prefix, fim.suffix, fim.middle))
    bos = metadata.token("bos") if _adds_bos(metadata) else None
    separators = (metadata.token_ids.get(text) for text in _DOCUMENT_START)
    starts = [
        token
        for token in (bos, *separators, metadata.token("bos"), metadata.token("eos"))
        if token is not None
    ]
    return SpecialTokens(
        fim=fim,
        ends=frozenset(token for token in ends if token is not None),
        bos=bos,
        start=starts[0] if starts else None,
    )


def _one(metadata: GgufMetadata, keys: Sequence[str], spellings: Sequence[str]) -> int | None:
    found = (*(metadata.token(key) for key in keys), *(metadata.token_ids.get(text) for text in spellings))
    return next((token for token in found if token is not None), None)


def _adds_bos(metadata: GgufMetadata) -> bool:
    """What the file says; SentencePiece vocabularies want one even when it says nothing."""
    said = metadata.values.get("tokenizer.ggml.add_bos_token")
    return bool(said) if said is not None else metadata.values.get("tokenizer.ggml.model") == "llama"
