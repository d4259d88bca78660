"""Rows of a data set on the hub, streamed: nothing of it is kept, and nothing in it is run."""

from collections.abc import Iterator
from typing import Any

from .options import DatasetError
from .tables import Row

_SPLIT = "train"


def hub_rows(name: str, text_column: str) -> Iterator[Row]:
    """The rows of a data set's split ``train``, or of its only one. ``name`` may end with a colon and a configuration.

    Raises ``DatasetError``.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from datasets.utils.logging import disable_progress_bar
    from huggingface_hub import errors

    disable_progress_bar()
    repository, _, configuration = name.partition(":")
    try:
        splits = load_dataset(repository, configuration or None, streaming=True)
        for row in _checked(name, splits, text_column):
            yield {key: value for key, value in row.items() if isinstance(key, str)}
    except DatasetsError as error:
        raise DatasetError(
            f"{name}: no file or folder here, and no data set that the hub would give: {_first_line(error)}"
        ) from error
    except (OSError, errors.HTTPError) as error:  # type: ignore[attr-defined]
        raise DatasetError(
            f"{name}: no file or folder here, and the hub can't be asked for it: {_first_line(error)}"
        ) from error
    except ValueError as error:  # no configuration was named, or one that is not there
        raise DatasetError(
            f"{name}: {_first_line(error)} Name one behind a colon, as in {repository}:NAME."
        ) from error


def _checked(name: str, splits: Any, text_column: str) -> Any:
    """The split that is read."""
    chosen = _SPLIT if _SPLIT in splits else next(iter(splits)) if len(splits) == 1 else None
    if chosen is None:
        raise DatasetError(f"{name} has no split {_SPLIT!r}, but {', '.join(splits)}.")
    columns = splits[chosen].column_names
    if columns is not None and text_column not in columns:
        raise DatasetError(
            f"{name} has no column {text_column!r}, but {', '.join(columns)}. Name the one with the text by "
            "--text-column."
        )
    return splits[chosen]


def _first_line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if text.endswith(".") else f"{text}."
