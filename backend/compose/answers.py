"""From options, an earlier `.env`, what the host has, and a person's answers, to the team backend that is wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from .errors import ComposeError
from .machine import Gpu
from .memory import GIB, Shape, weights_bytes
from .questions import Dialogue
from .sources import DEFAULT, MODELS, REPOSITORY, Source, find_source
from .team import OWN_TRITON, PROFILES, Profile, Team, gpu_numbers, port_number

Answer = TypeVar("Answer")

_KEPT = {"python": "float16", "cpu": "int8", "fastertransformer": "float16", "external": "float16"}
"""The type in which weights are kept while serving, unless something else is asked for."""
TARGETS = {"python": "ctranslate2", "cpu": "ctranslate2", "fastertransformer": "fastertransformer"}
"""What the converter makes for a profile."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was said on the command line; None: not said."""

    model: str | None = None
    backend: Profile | None = None
    gpus: int | None = None
    gpu_ids: tuple[int, ...] | None = None
    address: str | None = None
    port: int | None = None
    triton: str | None = None
    models: Path | None = None
    checkpoints: Path | None = None
    keys: Path | None = None
    quantization: str | None = None
    monitoring: bool | None = None
    grafana_port: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``init`` does."""

    team: Team = field(default_factory=Team)
    source: Source = field(default_factory=Source)
    quantization: str | None = None
    """For the converter; None: as the checkpoint has it."""
    kept: str = "float16"

    @property
    def target(self) -> str:
        """What the converter shall make."""
        return TARGETS[self.team.profile]


def settle(
    wanted: Wanted,
    before: Team,
    *,
    known: bool,
    folder: Path,
    gpus: Sequence[Gpu],
    dialogue: Dialogue | None,
) -> Plan:
    """Decide everything; what is still open is asked, or without ``dialogue`` taken as proposed.

    ``before`` is what an earlier `.env` says (``known``), or the defaults. Raises ``ComposeError``.
    """
    asks = _Asker(dialogue)
    backend = wanted.backend or ("external" if wanted.triton else None)
    proposed = _proposed(wanted, before, known=known, gpus=gpus)
    profile: Profile = asks(
        backend,
        proposed,
        lambda talk: _profile(talk.choose(_WHAT_SERVES, list(PROFILES), proposed)),
    )
    if reason := _in_vain(wanted, profile):
        raise ComposeError(reason)
    team = replace(before, profile=profile)
    if profile == "external":
        team = _with_triton(
            team, asks(wanted.triton, _remote(before), lambda talk: _ask_triton(talk, before))
        )
    else:
        team = replace(team, triton_host=OWN_TRITON)
    team = replace(team, gpus=_gpus(wanted, team, gpus, asks))
    source = _source(wanted, before, profile, known=known, asks=asks)
    kept = wanted.quantization or _KEPT[profile]
    if profile == "external" and source.converted is None:
        raise ComposeError(
            "for a Triton elsewhere, name the folder of what it serves, as 'pilotfish-backend convert' wrote it: "
            "--model DIR. The proxy takes the tokenizer from there."
        )
    models = source.converted or _folder(
        wanted.models, before.model_dir.parent if known else folder / "models", "Models", asks
    )
    team = replace(
        team,
        model=source.name,
        port=asks(
            wanted.port, team.port, lambda talk: talk.ask("Port of the API", str(team.port), port_number)
        ),
        address=asks(wanted.address, team.address, lambda talk: _ask_address(talk, team)),
        model_dir=source.converted or models / folder_name(source.name, profile, kept, len(team.gpus)),
        checkpoints=_absolute(wanted.checkpoints, before.checkpoints if known else folder / "checkpoints"),
        keys_dir=_folder(
            wanted.keys, before.keys_dir if known else folder / "keys", "API keys (hashes)", asks
        ),
        monitoring=asks(
            wanted.monitoring,
            team.monitoring,
            lambda talk: talk.agree("Prometheus and Grafana too?", default=team.monitoring),
        ),
        grafana_port=wanted.grafana_port or team.grafana_port,
        triton_memory=memory_limit(source.shape, kept) if source.shape else team.triton_memory,
    )
    quantization = None if profile == "fastertransformer" else kept
    return Plan(team, source, quantization, kept)


def _proposed(wanted: Wanted, before: Team, *, known: bool, gpus: Sequence[Gpu]) -> Profile:
    """What serves, unless somebody says something else."""
    asked_gpus = wanted.gpus is not None or wanted.gpu_ids is not None
    if known and (before.profile in _ON_GPUS or not asked_gpus):
        return before.profile
    return "python" if gpus or asked_gpus else "cpu"


def _in_vain(wanted: Wanted, profile: Profile) -> str | None:
    """What is asked for and has no meaning with that profile; None: nothing."""
    if profile not in _ON_GPUS and (wanted.gpus is not None or wanted.gpu_ids is not None):
        return f"--gpus and --gpu-ids: the backend {profile} uses none. {_INSTEAD}"
    if wanted.quantization is not None and profile not in _QUANTISED:
        return f"--quantization: the backend {profile} has its own types. {_INSTEAD}"
    return None


_ON_GPUS = frozenset[Profile](("python", "fastertransformer"))
_QUANTISED = frozenset[Profile](("python", "cpu"))
_INSTEAD = "Leave it out, or choose another --backend."
_WHAT_SERVES = "What serves: a GPU (python), the CPU, FauxPilot's image, or a Triton elsewhere?"


def folder_name(model: str, profile: Profile, kept: str, gpus: int) -> str:
    """Of a model repository: what it is, so that one never takes another's place."""
    if profile == "fastertransformer":
        return f"{model}-fastertransformer-{gpus}gpu"
    return f"{model}-ctranslate2-{kept}"


def memory_limit(shape: Shape, kept: str) -> str:
    """What Triton may use of the host's memory, as Compose writes it: the weights, half as much again, and 4 GiB."""
    return f"{max(8, round(1.5 * weights_bytes(shape, kept) / GIB) + 4)}g"


@dataclass(frozen=True, slots=True)
class _Asker:
    """Takes what was said; asks a person, if there is one; or else takes what is proposed."""

    dialogue: Dialogue | None

    def __call__(self, said: Answer | None, proposed: Answer, ask: Callable[[Dialogue], Answer]) -> Answer:
        if said is not None:
            return said
        return ask(self.dialogue) if self.dialogue else proposed


def _gpus(wanted: Wanted, team: Team, gpus: Sequence[Gpu], asks: _Asker) -> tuple[int, ...]:
    if team.profile not in _ON_GPUS:
        return ()
    if wanted.gpu_ids is not None:
        return wanted.gpu_ids
    if wanted.gpus is not None:
        return tuple(range(wanted.gpus))
    proposed = team.gpus or ((gpus[0].index,) if gpus else (0,))
    text = ",".join(map(str, proposed))
    return asks(None, proposed, lambda talk: talk.ask("GPUs, by their numbers", text, gpu_numbers))


def _source(wanted: Wanted, before: Team, profile: Profile, *, known: bool, asks: _Asker) -> Source:
    if wanted.model is not None:
        return find_source(wanted.model)
    kept = known and before.model not in MODELS and before.profile == profile
    if kept and (before.model_dir / REPOSITORY).is_file():
        proposed = str(before.model_dir)
    else:
        proposed = before.model if known and before.model in MODELS else DEFAULT
        if known and before.model not in MODELS and asks.dialogue is None:
            raise ComposeError(
                f"name the checkpoint of {before.model}, which has to be converted: --model DIR"
            )

    def ask(talk: Dialogue) -> Source:
        return talk.ask("Model: a number of the list, or a checkpoint's folder", proposed, read)

    def read(text: str) -> Source:
        names = list(MODELS)
        if text.isdigit() and 1 <= int(text) <= len(names):
            text = names[int(text) - 1]
        try:
            return find_source(text)
        except ComposeError as error:
            raise ValueError(str(error)) from None

    if asks.dialogue:
        for number, name in enumerate(MODELS, start=1):
            asks.dialogue.writes.write(f"  {number:>2}. {name}\n")
    return asks(None, find_source(proposed), ask)


def _ask_address(talk: Dialogue, team: Team) -> str:
    open_now = team.address not in {"127.0.0.1", "::1", "localhost"}
    everybody = talk.agree("May other machines reach it? (with API keys)", default=open_now)
    if not everybody:
        return "127.0.0.1"
    return team.address if open_now else "0.0.0.0"  # noqa: S104 (asked for, and the proxy wants keys)


def _ask_triton(talk: Dialogue, before: Team) -> str:
    return talk.ask("Triton's gRPC address, HOST:PORT", _remote(before), _address)


def _remote(before: Team) -> str:
    return f"{before.triton_host}:{before.triton_port}"


def _with_triton(team: Team, text: str) -> Team:
    try:
        host, _, port = _address(text).rpartition(":")
    except ValueError as error:
        raise ComposeError(f"--triton {text}: {error}") from None
    if host == OWN_TRITON:
        raise ComposeError("name the Triton that runs elsewhere: --triton HOST:PORT")
    return replace(team, triton_host=host, triton_port=int(port))


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or any(letter.isspace() or letter in ",'\"$" for letter in host):
        raise ValueError("expected HOST:PORT")
    port_number(port)
    return text


def _folder(said: Path | None, proposed: Path, what: str, asks: _Asker) -> Path:
    if said is not None or asks.dialogue is None:
        return _absolute(said, proposed)
    return asks.dialogue.ask(f"Folder of {what}", str(proposed), lambda text: _absolute(Path(text), proposed))


def _absolute(said: Path | None, proposed: Path) -> Path:
    return (said or proposed).expanduser().absolute()


def _profile(name: str) -> Profile:
    return next(profile for profile in PROFILES if profile == name)
