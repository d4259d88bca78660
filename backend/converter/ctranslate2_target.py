"""Target ``ctranslate2``: a model repository for Triton's Python backend.

``config.pbtxt`` and ``configs/decoupled.pbtxt`` are what Triton reads, ``1/model.py`` is what it runs, with a copy of
our decoder beside it, so that the server needs no more than numpy and ctranslate2. ``1/weights`` is a whole CTranslate2
model, of use by itself too.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from .architecture import Architecture
from .ct2_aliases import find_aliases
from .ct2_folder import config_text, tokens_of, vocabulary, vocabulary_text
from .ct2_format import FormatError, model_file
from .ct2_model import REVISION, SPECIFICATION, decoder_variables
from .ct2_numbers import SCHEMES
from .manifest import MODEL
from .mapping import GptjWeights
from .options import ConvertOptions
from .problems import ConvertError, Problem
from .python_backend_config import PythonBackendConfig, model_config
from .staging import Stage
from .targets import Written
from .tokenizer_files import TokenizerFacts

VERSION = f"{MODEL}/1"
WEIGHTS = f"{VERSION}/weights"
PACKAGE = f"{VERSION}/pilotfish_decoder"
DECODER = Path(__file__).parents[1] / "decoder"
"""The package whose modules are copied; ``model.py`` in it is what Triton starts."""
_ENTRY = "model.py"
_DTYPES: Mapping[str | None, str | None] = {None: None, "fp32": "float32", "fp16": "float16"}


def check(architecture: Architecture, options: ConvertOptions) -> list[Problem]:  # noqa: ARG001
    """What keeps this model from being written like that."""
    problems = []
    if options.quantization is not None and options.quantization not in SCHEMES:
        known = ", ".join(name for name in SCHEMES if name)
        problems.append(Problem("--quantization", f"{options.quantization!r} is none of {known}"))
    if options.quantization is not None and options.dtype is not None:
        problems.append(Problem("--dtype", "--quantization says all types; give one of the two"))
    if options.gpus != 1:
        problems.append(
            Problem("--gpus", "CTranslate2 runs a model on one; the target fastertransformer divides it")
        )
    return problems


def planned_bytes(weights: GptjWeights, architecture: Architecture, options: ConvertOptions) -> int:
    """Bytes of the weights."""
    variables = decoder_variables(architecture, weights, SCHEMES[_scheme(options)])
    return sum(variable.size for variable in variables)


def write(
    weights: GptjWeights,
    architecture: Architecture,
    options: ConvertOptions,
    stage: Stage,
    tokenizer: TokenizerFacts | None,
) -> Written:
    """Write all but the tokenizer's files and the manifest.

    Raises ``ConvertError`` for numbers that can't be written.
    """
    # Without a tokenizer the tokens are nameless: then their texts are somebody else's business.
    names = vocabulary(tokens_of(json.loads(tokenizer.json_text())) if tokenizer else {}, architecture.rows)
    stage.write_text(f"{WEIGHTS}/vocabulary.json", vocabulary_text(names))
    stage.write_text(f"{WEIGHTS}/config.json", config_text(architecture, names))
    for name, source in _program():
        stage.copy(source, name)
    config = PythonBackendConfig(
        positions=architecture.positions,
        rows=architecture.rows,
        # What ends a text begins another one; CodeGen's configuration calls a quotation mark its beginning.
        start_id=architecture.eos,
        end_id=architecture.eos,
        device=options.device,
    )
    for path, decoupled in ((f"{MODEL}/config.pbtxt", False), (f"{MODEL}/configs/decoupled.pbtxt", True)):
        stage.write_text(path, model_config(config, decoupled=decoupled))
    _write_weights(weights, architecture, _scheme(options), stage)
    return Written(
        rows=architecture.rows,
        dtype=SCHEMES[_scheme(options)].rest or weights.dtype("ln_f.weight"),
        quantization=options.quantization,
    )


def _write_weights(
    weights: GptjWeights, architecture: Architecture, scheme: str | None, stage: Stage
) -> None:
    aliases = find_aliases(architecture, weights)
    variables = decoder_variables(architecture, weights, SCHEMES[scheme], skip=aliases)
    with stage.open(f"{WEIGHTS}/model.bin") as sink:
        try:
            for piece in model_file(SPECIFICATION, REVISION, variables, aliases):
                sink.write(piece)
        except FormatError as error:
            raise ConvertError(str(error)) from error


def _scheme(options: ConvertOptions) -> str | None:
    return options.quantization or _DTYPES[options.dtype]


def _program() -> Iterator[tuple[str, Path]]:
    for source in sorted(DECODER.glob("*.py")):
        yield f"{VERSION if source.name == _ENTRY else PACKAGE}/{source.name}", source
