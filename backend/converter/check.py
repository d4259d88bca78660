"""Whether a model repository's files have the sizes that they must have: quick, and without reading the weights.

Triton would say READY over a short or missing file and serve random numbers, so what starts it asks here first.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG

from .architecture import MOST, MOST_LAYERS
from .ct2_format import FormatError, read_index
from .layout import ITEM_BYTES, layout_files, weights_folder
from .manifest import MODEL, NAME, Manifest
from .problems import ConvertError, Problem
from .served import CONFIG, configuration_problems, infer_manifest

WEIGHTS = f"{MODEL}/1/weights/model.bin"
_EMBEDDING = "decoder/embeddings/weight"  # [rows, E]


def check_sizes(repository: Path) -> list[Problem]:
    """All that is missing, too short, too long or configured for other sizes; an empty list: it may be served.

    A FasterTransformer repository without our manifest, such as FauxPilot's, is held to its own ``config.pbtxt``.
    """
    try:
        manifest, foreign = described(repository)
    except ConvertError as error:
        return [Problem(what=str(error))]
    found = {problem.where: problem for problem in _listed(repository, manifest)}
    for problem in TARGETS[manifest.target](repository, manifest):
        found.setdefault(problem.where, problem)
    problems = list(found.values())
    if manifest.target != "gptj":
        settings = configuration_problems(repository, manifest, foreign=foreign)
        # What can't be read at all was said by its size already.
        problems += [
            each for each in settings if each.where not in found or _is_there(repository / each.where)
        ]
    return problems


def described(repository: Path) -> tuple[Manifest, bool]:
    """What the repository is, and whether it was made by somebody else and says so only by its configuration.

    ``ConvertError`` if it can't be told.
    """
    try:
        return _described(repository)
    except OSError as error:
        raise ConvertError(f"{error.filename or repository} can't be read: {error.strerror}.") from error


def refuse_others(repository: Path) -> None:
    """Raise ``ConvertError`` if that is no model repository at all, nor a damaged one."""
    if not repository.is_dir():
        raise ConvertError(f"{repository} is no folder.")
    if not ((repository / NAME).exists() or (repository / CONFIG).exists()):
        raise ConvertError(f"{repository} is no model repository: it has neither {NAME} nor {CONFIG}.")


def _described(repository: Path) -> tuple[Manifest, bool]:
    refuse_others(repository)
    if not (repository / NAME).exists():
        manifest, foreign, where = infer_manifest(repository), True, CONFIG
    else:
        manifest, foreign, where = Manifest.read(repository), False, NAME
    if manifest.target not in TARGETS:
        raise ConvertError(f"{repository / NAME} names the unknown target {manifest.target!r}.")
    if strange := list(_strange_numbers(manifest)):
        raise ConvertError(f"{repository / where} is damaged: {', '.join(strange)}. Convert again.")
    return manifest, foreign


def _strange_numbers(manifest: Manifest) -> Iterator[str]:
    """Those that can't be sizes."""
    architecture = manifest.architecture
    sizes = {name: getattr(architecture, name) for name in ("layers", "heads", "head_dim", "hidden", "inter")}
    most = {"layers": MOST_LAYERS, "gpus": max(1, architecture.heads)}
    for name, value in {**sizes, "rows": manifest.rows, "gpus": manifest.gpus}.items():
        if not 1 <= value <= most.get(name, MOST):
            yield f"{name} is {value}"


def _listed(repository: Path, manifest: Manifest) -> Iterator[Problem]:
    """What the manifest lists."""
    for path, entry in manifest.files.items():
        yield from size_problem(repository, path, entry.bytes)


def size_problem(repository: Path, path: str, expected: int, *, or_more: bool = False) -> Iterator[Problem]:
    """What is wrong with one file's size."""
    try:
        size = _size(repository / path)
    except OSError as error:
        yield Problem(path, f"can't be read: {error.strerror}")
        return
    if size is None:
        yield Problem(path, f"is missing; {expected} bytes were expected")
    elif size != expected and not (or_more and size > expected):
        difference = f"{abs(size - expected)} too {'many' if size > expected else 'few'}"
        yield Problem(path, f"has {size} bytes, {difference}; expected {expected}")


def _size(path: Path) -> int | None:
    """Bytes of a file; None if there is none. OSError if that can't be told."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size if S_ISREG(found.st_mode) else None


def _is_there(path: Path) -> bool:
    try:
        return _size(path) is not None
    except OSError:
        return False


def _fastertransformer(repository: Path, manifest: Manifest) -> Iterator[Problem]:
    """Every rank's files by the layout, whatever the manifest lists."""
    if manifest.dtype not in ITEM_BYTES:
        yield Problem(NAME, f"names the unknown dtype {manifest.dtype!r}")
        return
    folder = f"{MODEL}/1/{weights_folder(manifest.gpus)}"
    for spec in layout_files(manifest.architecture, manifest.gpus, manifest.rows):
        path, size = f"{folder}/{spec.path}", spec.bytes(manifest.dtype)
        # Somebody else's converter may have left more rows than the configuration names: the first ones are read.
        of_rows = not manifest.files and spec.shape[0] == manifest.rows
        yield from size_problem(repository, path, size, or_more=of_rows)


def _ctranslate2(repository: Path, manifest: Manifest) -> Iterator[Problem]:
    """The index of model.bin."""
    try:
        index = read_index(repository / WEIGHTS)
    except OSError as error:
        yield Problem(WEIGHTS, f"can't be read: {error.strerror}")
        return
    except FormatError as error:
        yield Problem(WEIGHTS, f"is damaged: {error}")
        return
    rows, hidden = manifest.rows, manifest.architecture.hidden
    entry = index.variables.get(_EMBEDDING)
    if entry is None or entry.shape != (rows, hidden):
        shape = entry and list(entry.shape)
        yield Problem(WEIGHTS, f"has an embedding of shape {shape}; expected {[rows, hidden]}")


def _gptj(repository: Path, manifest: Manifest) -> Iterator[Problem]:
    """Nothing beyond the list: the files say their own sizes."""
    if not manifest.files:
        yield Problem(NAME, f"lists no files of {repository.name}")


TARGETS: Mapping[str, Callable[[Path, Manifest], Iterator[Problem]]] = {
    "fastertransformer": _fastertransformer,
    "ctranslate2": _ctranslate2,
    "gptj": _gptj,
}
