"""Triton's model configurations are read as protobuf's text format has it."""

import pytest

from pilotfish.backend.converter.pbtxt import PbtxtError, messages, parameters, read_pbtxt, scalar

CONFIG = """
name: "fastertransformer"  # what clients ask for
max_batch_size: 1024
input [
  { name: "input_ids" data_type: TYPE_UINT32 dims: [ -1 ] },
  { name: 'random_seed', data_type: TYPE_INT32; dims: [ 1 ] reshape: { shape: [ ] } optional: true }
]
input { name: "stop_words_list" dims: [ 2, -1 ] }
parameters { key: "head_num" value: { string_value: "16" } }
parameters: <key: "model_checkpoint_path" value: <string_value: "/a \\"b\\"/1-gpu">>
"""


def test_a_configuration_is_read() -> None:
    """Lists and repeated fields are the same; braces may be angles; commas, semicolons and comments are let be."""
    config = read_pbtxt(CONFIG)
    assert scalar(config, "name") == "fastertransformer"
    assert scalar(config, "max_batch_size") == "1024"
    assert scalar(config, "platform", "none") == "none"
    inputs = messages(config, "input")
    assert [scalar(each, "name") for each in inputs] == ["input_ids", "random_seed", "stop_words_list"]
    assert [each["dims"] for each in inputs] == [["-1"], ["1"], ["2", "-1"]]
    assert messages(inputs[1], "reshape") == [{"shape": []}]
    assert parameters(config) == {"head_num": "16", "model_checkpoint_path": '/a "b"/1-gpu'}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name:", 1),
        ("input {\n name: 1\n", 3),
        ("dims: [ 1\n 2 ]", 2),
        ("a: 1\n}", 2),
        ('a: "open\n"', 1),
        ("a: 1\n\n= 2", 3),
        ("{ a: 1 }", 1),
        ("a: }", 1),
        ('a: "\\q"', 1),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int) -> None:
    """A configuration that Triton would refuse is refused, and never read half."""
    with pytest.raises(PbtxtError, match=f"line {line}:"):
        read_pbtxt(text)


def test_deep_nesting_is_refused() -> None:
    """A hostile text does not run into Python's limit."""
    with pytest.raises(PbtxtError, match="deep"):
        read_pbtxt("a {" * 100_000)
