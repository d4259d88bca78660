"""What is read out of the model lists of different servers."""

import pytest

from pilotfish.lsp.backend_errors import ModelNotFound, ProtocolError
from pilotfish.lsp.capabilities import BackendModel, choose_model, parse_models

OURS = {
    "id": "smollm2-135m",
    "object": "model",
    "created": 1,
    "owned_by": "pilotfish",
    "context_length": 8192,
    "fim": True,
    "prefix_cache": True,
    "engine": "llama",
    "device": "cpu",
    "slots": 2,
    "logprobs": 5,
    "whole_indents": True,
    "extensions": ["truncate", "top_k", "fim_middle", "warm"],
    "limits": {"max_tokens": 512},
    "aliases": ["codegen", "py-model"],
}


def check(entry: dict[str, object], expected: BackendModel) -> None:
    """Assert what is known of one listed model."""
    assert parse_models({"object": "list", "data": [entry]}) == [expected]


def test_our_own_backend_tells_everything() -> None:
    """All that our backend announces arrives."""
    expected = BackendModel(
        id="smollm2-135m",
        context_length=8192,
        fim=True,
        prefix_cache=True,
        device="cpu",
        slots=2,
        whole_indents=True,
        extensions=frozenset({"truncate", "top_k", "fim_middle", "warm"}),
        aliases=frozenset({"codegen", "py-model"}),
        ours=True,
    )
    check(OURS, expected)


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        ({"id": "m", "owned_by": "vllm", "max_model_len": 32768, "root": "m", "parent": None}, 32768),
        ({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072, "n_ctx": 4096}}, 4096),
        ({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}}, 131072),
        ({"id": "m", "owned_by": "library"}, None),
        ({"id": "m", "max_context_length": 8192, "loaded_context_length": 2048}, 2048),
        ({"id": "m", "context_length": 0, "max_model_len": "32768", "meta": None}, None),
        ({"id": "m", "context_length": True}, None),
    ],
    ids=["vllm", "llama.cpp", "old llama.cpp", "ollama", "lm studio", "nonsense", "boolean"],
)
def test_other_servers_tell_at_most_the_context_length(entry: dict[str, object], length: int | None) -> None:
    """What is not told is taken as absent."""
    check(entry, BackendModel("m", context_length=length))


def test_what_is_odd_about_a_model_is_passed_over() -> None:
    """Wrong types in one entry cost neither the others nor the rest of the entry."""
    entries = [
        {"name": "no id"},
        3,
        {"id": "a", "device": ["tpu"], "slots": -1, "extensions": "warm", "fim": "yes"},
    ]
    assert parse_models({"data": entries}) == [BackendModel("a")]


@pytest.mark.parametrize("answer", [[], {}, {"data": {}}, "x", None])
def test_what_is_no_list_of_models_is_an_error(answer: object) -> None:
    """Anything else that answers 200 under that path is another kind of server."""
    with pytest.raises(ProtocolError):
        parse_models(answer)


@pytest.mark.parametrize(("wanted", "found"), [("", "a"), ("b", "b"), ("py-model", "b")])
def test_a_model_is_chosen_by_name_or_alias(wanted: str, found: str) -> None:
    """Without a wish the first."""
    models = [BackendModel("a"), BackendModel("b", aliases=frozenset({"py-model"}))]
    assert choose_model(models, wanted).id == found


def test_a_missing_model_lists_those_that_are_there() -> None:
    """The message names some, the error all."""
    models = [BackendModel(f"m{number}") for number in range(20)]
    with pytest.raises(
        ModelNotFound, match=r"no model 'x': set backend\.model to one of m0, m1.*m11, …$"
    ) as caught:
        choose_model(models, "x")
    assert len(caught.value.available) == 20
    with pytest.raises(ModelNotFound, match="no model at all"):
        choose_model([], "")
