"""The prompts of models that know fill-in-the-middle."""

import pytest

from pilotfish.lsp.fim_templates import TEMPLATES

GOLDEN = {
    "qwen": "<|fim_prefix|>PRE<|fim_suffix|>SUF<|fim_middle|>MID",
    "starcoder": "<fim_prefix>PRE<fim_suffix>SUF<fim_middle>MID",
    "codellama": "<PRE> PRE <SUF>SUF <MID>MID",
    "deepseek": "<\uff5cfim\u2581begin\uff5c>PRE<\uff5cfim\u2581hole\uff5c>SUF<\uff5cfim\u2581end\uff5c>MID",
    "codegemma": "<|fim_prefix|>PRE<|fim_suffix|>SUF<|fim_middle|>MID",
    "codestral": "[SUFFIX]SUF[PREFIX]PREMID",
    "granite": "<fim_prefix>PRE<fim_suffix>SUF<fim_middle>MID",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_prompts_are_written_as_the_models_were_trained(name: str) -> None:
    """Prefix, suffix and the typed part of the line stand where the model expects them."""
    assert TEMPLATES[name].render("PRE", "SUF", "MID") == GOLDEN[name]
    assert TEMPLATES[name].stop
