"""The wire's shapes: what a request may hold, and what answers look like (for the OpenAPI document)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .engines.base import Capabilities
from .errors import BadRequest

MOST_LOGPROBS = 5
MOST_STOPS = 16
MOST_TEXTS = 20
"""What one request may ask for, as OpenAI has it; of texts, OpenAI's ``best_of``."""


def _whole(value: object) -> object:
    """JSON does not tell 5 from 5.0, so neither do we."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# The validator stands last: before the bounds, it would keep them out of the JSON schema.
Whole = BeforeValidator(_whole)
TokenId = Annotated[int, Field(ge=0, le=2**31 - 1), Whole]
TokenIds = Annotated[list[TokenId], Field(min_length=1)]
Prompt = (
    str
    | Annotated[list[str], Field(min_length=1)]
    | TokenIds
    | Annotated[list[TokenIds], Field(min_length=1)]
)
Count = Annotated[int, Field(ge=0, le=2**31 - 1), Whole]
Some = Annotated[int, Field(ge=1, le=MOST_TEXTS), Whole]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Bias = Annotated[float, Field(ge=-100, le=100)]
BiasKey = Annotated[str, Field(pattern="^[0-9]{1,9}$")]


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(strict=True, extra="forbid")

    include_usage: bool | None = Field(
        None, description="Send the token counts in a last chunk of their own."
    )
    include_obfuscation: bool | None = Field(None, description="Accepted; no padding is added.")


class CompletionRequest(BaseModel):
    """OpenAI's completion request, with four fields of ours. Null always means the default."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    model: str | None = Field(None, description="A model's id or alias; default: the one that is served.")
    prompt: Prompt | None = Field(
        description="A text, several texts, token ids, or lists of token ids. Null: the start of a text."
    )
    suffix: str | None = Field(
        None, description="The text after the cursor, for models that fill in the middle."
    )
    max_tokens: Count | None = Field(None, description="Default 16. 0 only evaluates the prompt.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="Default 1; 0 is greedy."
    )
    top_p: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="Default 1.")
    top_k: Count | None = Field(None, description="Ours. Default 0: all tokens.")
    n: Some | None = Field(None, description="Texts for each prompt. Default 1.")
    best_of: Some | None = Field(
        None, description="Generate so many, return the n best by mean log-probability. Default n."
    )
    stop: str | Annotated[list[str], Field(max_length=MOST_STOPS)] | None = Field(
        None, description="The text ends before the first of these; they are never part of it."
    )
    stream: bool | None = Field(None, description="True: server-sent events.")
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS), Whole] | None = Field(
        None, description="So many of the likeliest tokens at each place; 0: the chosen one's only."
    )
    echo: bool | None = Field(None, description="True: the text starts with the prompt.")
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1), Whole] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: (
        Annotated[dict[BiasKey, Bias], Field(json_schema_extra={"additionalProperties": False})] | None
    ) = None
    user: str | None = Field(None, description="Accepted; neither stored nor logged.")
    truncate: Literal["left"] | None = Field(
        None, description="Ours. An over-long prompt is cut at a line start instead of refused."
    )
    fim_middle: str | None = Field(
        None, description="Ours. With suffix: what already stands between prompt and suffix, to be continued."
    )

    def within(self, can: Capabilities) -> Self:
        """The request as it is put to an engine that can do so much."""
        del can
        return self


class CopilotRequest(CompletionRequest):
    """The same, for Copilot's clients: what they send beside it is dropped.

    They send the text after the cursor whatever the model is, and can't be told not to: a model that can't use it goes
    without, as it did behind FauxPilot.
    """

    model_config = ConfigDict(extra="ignore")

    def within(self, can: Capabilities) -> Self:
        """Without a suffix for a model that can't fill in the middle."""
        return self if can.fim else self.model_copy(update={"suffix": None})


_UNIONS = {
    "prompt": "must be a string, a list of strings, a list of token ids or a list of lists of token ids,"
    " and no list may be empty",
    "stop": f"must be a string or a list of up to {MOST_STOPS} strings",
}


def parse(kind: type[CompletionRequest], body: bytes) -> CompletionRequest:
    """A request out of its JSON. Raises ``BadRequest`` that names the first field at fault."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid UTF-8.", code="invalid_encoding") from None
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error) from None


def _explain(error: ValidationError) -> BadRequest:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if not first["loc"]:
        return BadRequest(f"{first['msg']}.", code="invalid_json")
    name = str(first["loc"][0])
    match first["type"]:
        case "extra_forbidden":
            where = ".".join(map(str, first["loc"]))
            return BadRequest(f"Unknown field: {where}.", param=where, code="unknown_field")
        case "missing":
            return BadRequest(f"Missing field: {name}.", param=name, code="missing_field")
        case _:
            says = _UNIONS.get(name) or _lower(first["msg"])
            return BadRequest(f"{name}: {says}.", param=name, code="invalid_value")


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(BaseModel):
    """Every answer that is not a success."""

    error: ErrorDetail


class Logprobs(BaseModel):
    """True log-probabilities, one entry for each token of the text. Offsets count characters of the text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class Choice(BaseModel):
    """One text."""

    text: str
    index: int
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"] | None


class PromptTokensDetails(BaseModel):
    """Where the prompt's tokens came from."""

    cached_tokens: int


class Usage(BaseModel):
    """Token counts of the whole request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class Completion(BaseModel):
    """The answer, or one chunk of a stream; usage is null in all chunks but the last."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class ModelLimits(BaseModel):
    """How much a request may ask for."""

    max_prompt_tokens: int
    stop: int
    n: int
    best_of: int
    sequences: int
    logprobs: int | None
    body_bytes: int


class Model(BaseModel):
    """A model that is served, and what it can do."""

    id: str
    object: Literal["model", "engine"]
    created: int
    owned_by: str
    context_length: int
    fim: bool
    prefix_cache: bool
    whole_indents: bool
    engine: str
    device: str
    slots: int
    logprobs: int | None
    extensions: list[str]
    limits: ModelLimits
    aliases: list[str]
    ready: bool


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[Model]


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["live"]


class Health(BaseModel):
    """Whether requests would be served now; ``error`` says why not."""

    state: Literal["loading", "ready", "failing", "stopping"]
    ready: bool
    instance_id: str
    version: str
    model: str
    engine: str
    detail: str | None
    proof_age_seconds: float | None
    running: int
    waiting: int
    slots: int
    error: ErrorDetail | None = None


class CopilotToken(BaseModel):
    """What Copilot's clients ask for before their first request."""

    token: str
    expires_at: int
    refresh_in: int


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON schema with references into the OpenAPI document's components."""
    return model.model_json_schema(ref_template="#/components/schemas/{model}")
