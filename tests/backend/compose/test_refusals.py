"""`compose init` asked for what can't be: said at once, with what is possible."""

import pytest

from backend.compose.host import Host

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--model", "gpt-5"), "Known: codegen-350M-mono"),
        (("--triton", "gpu-host:8001"), "--model DIR"),
        (("--triton", "gpu-host"), "expected HOST:PORT"),
        (("--env", "missing.env"), "is not there"),
        (("--gpus", "2"), "no GPU on this host"),
        (("--gpu-ids", "0", "--backend", "cpu"), "cpu uses none"),
        (("--quantization", "int8", "--backend", "fastertransformer"), "--quantization"),
    ],
)
def test_what_makes_no_sense_is_said(
    host: Host, capsys: Output, arguments: tuple[str, ...], reason: str
) -> None:
    """With what is possible instead; nothing is written."""
    assert host.run("init", "--yes", *arguments) == 1
    assert reason in capsys.readouterr().err
    assert not host.team.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--quantization", "int7"), "choose from 'float32', 'float16'"),
        (("--address", "my-host"), "'my-host': expected an IP address"),
        (("--port", "0"), "'0': expected a port, 1 to 65535"),
        (("--gpus", "all"), "'all' is no whole number from 1 on"),
        (("--gpu-ids", "0,0"), "'0,0': expected GPUs' numbers such as 0,1"),
        (("--key-name", "a key"), "'a key': expected up to 64 letters"),
    ],
)
def test_a_wrong_argument_is_said_before_anything_is_done(
    host: Host, capsys: Output, arguments: tuple[str, ...], reason: str
) -> None:
    """With its option, and what was expected: not after the model was converted, nor by a traceback."""
    with pytest.raises(SystemExit):
        host.run("init", "--yes", *arguments)
    said = capsys.readouterr().err
    assert f"argument {arguments[0]}:" in said
    assert reason in said
    assert not host.team.exists()


@pytest.mark.parametrize("option", ["--keys", "--models", "--checkpoints"])
def test_a_folder_that_can_not_be_written_to_is_named_first(host: Host, capsys: Output, option: str) -> None:
    """Not when the model was converted; those who see it know which option to change."""
    blocked = host.root / "file"
    blocked.touch()
    assert host.run("init", "--yes", option, blocked / "folder") == 1
    assert f"can't write to {blocked / 'folder'}. Choose another: {option} DIR" in capsys.readouterr().err
    assert not host.team.exists()
