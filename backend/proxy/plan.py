"""What a request asks for, checked against what the engine can do. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from .engines.base import Capabilities, Sampling
from .errors import BadRequest
from .schemas import CompletionRequest
from .settings import Limits

DEFAULT_MAX_TOKENS = 16
_SEEDS = 2**31  # engines take 32-bit seeds, and some read the highest ones as "random"

_LOGPROBS_LIMITS = {
    None: "this engine has no log-probabilities",
    0: "this engine has the chosen tokens' log-probabilities only; logprobs 0 asks for these",
}

Prompt = str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with every default filled in."""

    prompts: tuple[Prompt, ...]
    suffix: str | None
    """None: left to right."""
    middle: str
    max_tokens: int
    sampling: Sampling
    n: int
    best_of: int
    stops: tuple[str, ...]
    logprobs: int | None
    echo: bool
    truncate: bool
    stream: bool
    include_usage: bool

    @property
    def ranked(self) -> bool:
        """Whether more is generated than returned."""
        return self.best_of > self.n

    def seeded(self, number: int) -> Sampling:
        """The sampling of one prompt's ``number``-th text: the seed moves on, so that they differ."""
        if self.sampling.seed is None or number == 0:
            return self.sampling
        from dataclasses import replace

        return replace(self.sampling, seed=(self.sampling.seed + number) % _SEEDS)


def make_plan(request: CompletionRequest, can: Capabilities, limits: Limits) -> Plan:
    """Fill in the defaults. Raises ``BadRequest`` that names the field which asks for too much."""
    n = request.n or 1
    best_of = request.best_of or n
    plan = Plan(
        prompts=_prompts(request, can),
        suffix=request.suffix if can.fim else request.suffix or None,
        middle=request.fim_middle or "",
        max_tokens=DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens,
        sampling=_sampling(request, can),
        n=n,
        best_of=best_of,
        stops=_stops(request.stop),
        logprobs=request.logprobs,
        echo=bool(request.echo),
        truncate=request.truncate is not None,
        stream=bool(request.stream),
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
    )
    _check(plan, can, limits)
    return plan


def _check(plan: Plan, can: Capabilities, limits: Limits) -> None:
    """One rule a line: what is wrong when, which field says so, and what to tell the client."""
    rules: Sequence[tuple[bool, str, str]] = (
        (plan.suffix is not None and not can.fim, "suffix", f"{can.model} can't fill in the middle"),
        (plan.middle != "" and plan.suffix is None, "fim_middle", "needs a suffix"),
        (plan.best_of < plan.n, "best_of", "must not be less than n"),
        (plan.ranked and plan.stream, "best_of", "a stream can't wait for the best; best_of must equal n"),
        (
            plan.ranked and can.logprobs is None,
            "best_of",
            "needs log-probabilities, which this engine has not",
        ),
        (
            plan.logprobs is not None and (can.logprobs is None or plan.logprobs > can.logprobs),
            "logprobs",
            _LOGPROBS_LIMITS.get(can.logprobs, f"at most {can.logprobs}"),
        ),
        (
            plan.logprobs is not None and plan.echo,
            "echo",
            "the prompt's own log-probabilities are not known; echo without logprobs works",
        ),
        (
            len(plan.prompts) * plan.best_of > limits.sequences,
            "best_of" if plan.best_of > len(plan.prompts) else "prompt",
            f"at most {limits.sequences} texts in one request",
        ),
    )
    for wrong, field, message in rules:
        if wrong:
            raise BadRequest(f"{field}: {message}.", param=field, code="unsupported_value")


def _prompts(request: CompletionRequest, can: Capabilities) -> tuple[Prompt, ...]:
    match request.prompt:
        case None:
            return ("",)
        case str(text):
            return (text,)
        case [int(), *_] as tokens:
            return (_known(tokens, can),)  # type: ignore[arg-type]
        case several:
            return tuple(p if isinstance(p, str) else _known(p, can) for p in several)  # type: ignore[arg-type]


def _known(tokens: Sequence[int], can: Capabilities) -> tuple[int, ...]:
    if max(tokens) >= can.vocab_size:
        raise BadRequest(
            f"prompt: token ids run from 0 to {can.vocab_size - 1}.", param="prompt", code="unsupported_value"
        )
    return tuple(tokens)


def _sampling(request: CompletionRequest, can: Capabilities) -> Sampling:
    bias = {int(token): value for token, value in (request.logit_bias or {}).items() if value}
    if bias and max(bias) >= can.vocab_size:
        raise BadRequest(
            f"logit_bias: token ids run from 0 to {can.vocab_size - 1}.",
            param="logit_bias",
            code="unsupported_value",
        )
    return Sampling(
        temperature=1.0 if request.temperature is None else request.temperature,
        top_p=1.0 if request.top_p is None else request.top_p,
        top_k=request.top_k or 0,
        seed=None if request.seed is None else request.seed % _SEEDS,
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        logit_bias=bias,
    )


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    """An empty stop sequence stops nothing."""
    stops = [stop] if isinstance(stop, str) else stop or []
    return tuple(dict.fromkeys(text for text in stops if text))
