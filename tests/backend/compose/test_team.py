"""`.env`: what Compose and FauxPilot mean by it."""

from pathlib import Path

import pytest

from pilotfish.backend.compose import dotenv
from pilotfish.backend.compose.errors import ComposeError
from pilotfish.backend.compose.team import OWNED, Team, team_of, values_of

FAUXPILOT = """\
NUM_GPUS=2
GPUS=0,1
API_EXTERNAL_PORT=5001
TRITON_HOST=triton
TRITON_PORT=8001
MODEL=codegen-350M-multi
MODEL_DIR=/path/to/fauxpilot/models/codegen-350M-multi-2gpu
HF_CACHE_DIR=/path/to/fauxpilot/.hf_cache
"""
TEAM = Team(
    model="ours",
    profile="python",
    gpus=(1,),
    address="::1",
    model_dir=Path("/srv/my models/ours#1"),
    checkpoints=Path("/srv/hub"),
    keys_dir=Path("/srv/keys"),
    monitoring=True,
    version="1.2",
)


def test_what_is_written_is_read_again() -> None:
    """A team survives its `.env`, with a space and a # in a path, and an IPv6 address."""
    text = dotenv.render(values_of(TEAM), [])
    assert team_of(dotenv.parse(text), Path("/elsewhere")) == TEAM
    assert "API_EXTERNAL_ADDRESS='[::1]'" in text


def test_every_variable_is_one_that_we_take_out_of_the_environment() -> None:
    """None of `.env` can be overridden by a variable that happens to be set in a shell, such as MODEL."""
    assert set(values_of(TEAM)) == set(OWNED)


def test_lines_of_others_stay() -> None:
    """What somebody added is kept to the letter when `.env` is written again: Compose fills variables in."""
    theirs = [
        "SERVE_OPTIONS=--parallel 8",
        "PROXY_MEMORY=${BIG:-4g}",
        'export HTTP_PROXY="http://it\'s.here"  # ours',
    ]
    text = dotenv.render(values_of(TEAM), theirs)
    assert dotenv.others(f"# MODEL=a comment\n\n{text}", OWNED) == theirs
    assert dotenv.parse(text)["SERVE_OPTIONS"] == "--parallel 8"


def test_fauxpilots_variables_mean_what_they_meant() -> None:
    """All eight; who serves is not among them."""
    team = team_of(dotenv.parse(FAUXPILOT), Path("/anywhere"), base=Team(profile="cpu"))
    assert (team.gpus, team.port, team.triton_host, team.triton_port) == ((0, 1), 5001, "triton", 8001)
    assert (team.model, team.profile) == ("codegen-350M-multi", "cpu")
    assert team.model_dir == Path("/path/to/fauxpilot/models/codegen-350M-multi-2gpu")
    assert team.checkpoints == Path("/path/to/fauxpilot/.hf_cache")


def test_a_number_of_gpus_stands_for_the_first_ones() -> None:
    """NUM_GPUS without GPUS."""
    assert team_of({"NUM_GPUS": "2"}, Path("/")).gpus == (0, 1)


def test_a_triton_elsewhere_is_one_that_is_not_ours() -> None:
    """FauxPilot's TRITON_HOST could name another host; then none is started here."""
    assert team_of({"TRITON_HOST": "gpu-host"}, Path("/")).profile == "external"


def test_relative_folders_count_from_the_file() -> None:
    """As they do for Compose."""
    assert team_of({"MODEL_DIR": "./models/x"}, Path("/srv/team")).model_dir == Path("/srv/team/models/x")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A= b # c", "b"),
        ("A=b#c", "b#c"),
        ("A='b # c'", "b # c"),
        ('A="b c" # d', "b c"),
        ("A=", ""),
    ],
)
def test_values_are_read_as_compose_reads_them(line: str, value: str) -> None:
    """Quotes, comments, blanks."""
    assert dotenv.parse(f"# first\n\n{line}\n") == {"A": value}


@pytest.mark.parametrize("line", ["A", "1=2", "A='b", "A='b' c"])
def test_a_line_that_makes_no_sense_is_named(line: str) -> None:
    """By its number."""
    with pytest.raises(ComposeError, match="line 2"):
        dotenv.parse(f"B=c\n{line}\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_EXTERNAL_PORT", "70000"),
        ("GPUS", "0,x"),
        ("GPUS", "1,1"),
        ("NUM_GPUS", "two"),
        ("API_EXTERNAL_ADDRESS", "my-host"),
        ("PILOTFISH_UID", "me"),
        ("COMPOSE_PROFILES", "python,cpu"),
        ("COMPOSE_PROFILES", "cpuu"),
    ],
)
def test_a_wrong_value_is_named(name: str, text: str) -> None:
    """The message starts with the variable, and says what was expected."""
    with pytest.raises(ComposeError, match=f"{name}.*expected"):
        team_of({name: text}, Path("/"))


def test_what_dotenv_can_not_hold_is_refused() -> None:
    """A quote in a path, or a line break, would be read as something else."""
    for value in ("/srv/o'clock", "a\nB=c"):
        with pytest.raises(ComposeError, match="MODEL_DIR"):
            dotenv.render({"MODEL_DIR": value}, [])


def test_the_api_is_found_from_this_host() -> None:
    """Published everywhere, it is reached by loopback."""
    assert Team(address="0.0.0.0", port=5001).url == "http://127.0.0.1:5001"
    assert Team(address="192.0.2.7").url == "http://192.0.2.7:5000"
    assert Team(address="::1", scheme="https").url == "https://[::1]:5000"
