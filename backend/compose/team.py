"""What a team's `.env` says, with FauxPilot's names of the variables where it had them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args

from .errors import ComposeError

Profile = Literal["python", "cpu", "fastertransformer", "external"]
"""What serves: CTranslate2 in Triton on a GPU, or on the CPU; FauxPilot's image; a Triton that others run."""

PROFILES: tuple[Profile, ...] = get_args(Profile)
MONITORING = "monitoring"
_ONE_OFF = ("tools", "train")
"""Profiles of services that do one thing and end."""
DEFAULT_FOLDER = "pilotfish-team"
_MOST_PORTS = 65535
OWN_TRITON = "triton"
"""The host name under which the proxy finds the Triton of this compose file."""


@dataclass(frozen=True, slots=True)
class Team:
    """One team backend. Paths are absolute, on this host."""

    model: str = "codegen-350M-multi"
    """How clients and the status page name the model."""
    profile: Profile = "cpu"
    gpus: tuple[int, ...] = ()
    """The GPUs that are used, as nvidia-smi numbers them; none on a CPU."""
    address: str = "0.0.0.0"  # noqa: S104 (the proxy wants API keys there)
    """Of this host, where the API is published."""
    port: int = 5000
    triton_host: str = OWN_TRITON
    triton_port: int = 8001
    model_dir: Path = field(default_factory=Path)
    """The Triton model repository."""
    model_stamp: str = ""
    """Tells one state of the model repository from another, so that containers are made anew after a change."""
    checkpoints: Path = field(default_factory=Path)
    """Where downloaded checkpoints lie."""
    keys_dir: Path = field(default_factory=Path)
    """The folder of keys.json."""
    monitoring: bool = False
    grafana_port: int = 3000
    version: str = ""
    """Of Pilotfish; the images are named after it."""
    uid: int = 10001
    gid: int = 10001
    """Whom the containers run as; who must be able to read the keys and the model."""
    triton_memory: str = "16g"
    scheme: str = "http"

    @property
    def compose_profiles(self) -> str:
        """What COMPOSE_PROFILES says."""
        own = [] if self.profile == "external" else [self.profile]
        return ",".join([*own, *([MONITORING] if self.monitoring else [])])

    @property
    def url(self) -> str:
        """Where the API is, seen from this host."""
        everywhere = self.address in {"0.0.0.0", "::", ""}  # noqa: S104 (only compared)
        return f"{self.scheme}://{'127.0.0.1' if everywhere else _bracketed(self.address)}:{self.port}"


OWNED = (
    *(
        "NUM_GPUS",
        "GPUS",
        "API_EXTERNAL_PORT",
        "TRITON_HOST",
        "TRITON_PORT",
        "MODEL",
        "MODEL_DIR",
        "HF_CACHE_DIR",
    ),
    *("COMPOSE_PROFILES", "API_EXTERNAL_ADDRESS", "KEYS_DIR", "GRAFANA_PORT", "PILOTFISH_VERSION"),
    *("PILOTFISH_UID", "PILOTFISH_GID", "TRITON_MEMORY", "API_SCHEME", "MODEL_STAMP"),
)
"""Variables that a Team is written to; the first eight are FauxPilot's."""

OPTIONAL = (
    "SERVE_OPTIONS",
    "PROXY_MEMORY",
    "TRAIN_MEMORY",
    "FASTERTRANSFORMER_IMAGE",
    "COMPOSE_PROJECT_NAME",
)
"""Variables that compose.yaml reads too, if somebody has set them in `.env`."""


def values_of(team: Team) -> Mapping[str, str]:
    """The variables of a `.env` in the order in which they are written."""
    return {
        "NUM_GPUS": str(len(team.gpus)),
        "GPUS": ",".join(map(str, team.gpus)),
        "API_EXTERNAL_PORT": str(team.port),
        "TRITON_HOST": team.triton_host,
        "TRITON_PORT": str(team.triton_port),
        "MODEL": team.model,
        "MODEL_DIR": str(team.model_dir),
        "HF_CACHE_DIR": str(team.checkpoints),
        "COMPOSE_PROFILES": team.compose_profiles,
        "API_EXTERNAL_ADDRESS": _bracketed(team.address),
        "KEYS_DIR": str(team.keys_dir),
        "GRAFANA_PORT": str(team.grafana_port),
        "PILOTFISH_VERSION": team.version,
        "PILOTFISH_UID": str(team.uid),
        "PILOTFISH_GID": str(team.gid),
        "TRITON_MEMORY": team.triton_memory,
        "API_SCHEME": team.scheme,
        "MODEL_STAMP": team.model_stamp,
    }


def team_of(values: Mapping[str, str], folder: Path, *, base: Team | None = None) -> Team:
    """The team that a `.env` describes; relative paths count from ``folder``. What it does not say is as in ``base``.

    A `.env` of FauxPilot's has no COMPOSE_PROFILES: then the profile is the base's. Raises ``ComposeError`` that names
    the variable.
    """
    team = base or Team()
    found: dict[str, Any] = {}
    for name, (target, read) in _READ.items():
        if (text := values.get(name, "")) != "":
            found[target] = _read(name, text, read)
    for target in ("model_dir", "checkpoints", "keys_dir"):
        if target in found:
            found[target] = folder / found[target].expanduser()
    team = replace(team, **found)
    if "GPUS" not in values and values.get("NUM_GPUS"):
        team = replace(team, gpus=tuple(range(_read("NUM_GPUS", values["NUM_GPUS"], _whole))))
    if "COMPOSE_PROFILES" in values:
        team = _with_profiles(team, values["COMPOSE_PROFILES"])
    elif team.triton_host != OWN_TRITON:
        team = replace(team, profile="external")
    return team


def _with_profiles(team: Team, text: str) -> Team:
    named = [name for name in text.split(",") if name]
    serving = [profile for profile in PROFILES if profile in named] or ["external"]
    if len(serving) > 1 or (unknown := set(named) - {*PROFILES, MONITORING, *_ONE_OFF}):
        wrong = " and ".join(serving) if len(serving) > 1 else ", ".join(sorted(unknown))
        raise ComposeError(
            f"COMPOSE_PROFILES: {wrong}: expected one of {', '.join(PROFILES[:3])}, and {MONITORING}."
        )
    return replace(team, profile=serving[0], monitoring=MONITORING in named)


def gpu_numbers(text: str) -> tuple[int, ...]:
    """The numbers in a list such as ``0,1``. Raises ``ValueError`` that says what is expected."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(set(parts)) != len(parts) or not all(part.isdecimal() for part in parts):
        raise ValueError("expected GPUs' numbers such as 0,1")
    return tuple(int(part) for part in parts)


def port_number(text: str) -> int:
    """A port. Raises ``ValueError`` that says what is expected."""
    if not text.strip().isdecimal() or not 1 <= (number := int(text)) <= _MOST_PORTS:
        raise ValueError(f"expected a port, 1 to {_MOST_PORTS}")
    return number


def host_address(text: str) -> str:
    """An address of a host, as Docker publishes ports on it; brackets are taken off. Raises ``ValueError``."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError("expected an IP address: 0.0.0.0 for all of this host's, or one of them") from None


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError("expected a whole number")
    return int(text)


_READ: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "GPUS": ("gpus", gpu_numbers),
    "API_EXTERNAL_PORT": ("port", port_number),
    "TRITON_HOST": ("triton_host", str),
    "TRITON_PORT": ("triton_port", port_number),
    "MODEL": ("model", str),
    "MODEL_DIR": ("model_dir", Path),
    "HF_CACHE_DIR": ("checkpoints", Path),
    "API_EXTERNAL_ADDRESS": ("address", host_address),
    "KEYS_DIR": ("keys_dir", Path),
    "GRAFANA_PORT": ("grafana_port", port_number),
    "PILOTFISH_VERSION": ("version", str),
    "PILOTFISH_UID": ("uid", _whole),
    "PILOTFISH_GID": ("gid", _whole),
    "TRITON_MEMORY": ("triton_memory", str),
    "API_SCHEME": ("scheme", str),
    "MODEL_STAMP": ("model_stamp", str),
}


def _bracketed(address: str) -> str:
    """An IPv6 address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def _read(name: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise ComposeError(f".env: {name}={text}: {error}.") from None
