"""A model from the Hugging Face hub; hash and size are those that the hub tells, a cut download goes on later."""

import errno
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from .catalogue import HubSource
from .errors import NoSpaceError, OfflineError, PullError, WrongHashError
from .fetched import Fetched
from .progress import Progress
from .store import sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_BLOB = re.compile(r"[0-9a-f]{40}")


class _CountedFile(io.FileIO):
    """A file that grows at its end and tells how much."""

    def __init__(self, path: Path, progress: Progress) -> None:
        super().__init__(path, "a+")
        self._progress = progress

    def write(self, data: object, /) -> int:
        count = super().write(data)  # type: ignore[arg-type]
        self._progress.advance(count)
        return count


def fetch_hub(
    source: HubSource,
    partial: Callable[[str], Path],
    progress: Progress,
    *,
    check_room: Callable[[int], None] = lambda _: None,
    endpoint: str | None = None,
    small: bool = False,
) -> Fetched:
    """Download the file to ``partial(hash)``, going on where an earlier attempt was cut.

    ``check_room`` is called with the bytes that are still to come. ``endpoint`` None: what ``huggingface_hub`` finds
    in its own settings; likewise the token. ``small``: the file may be one that git itself keeps, such as a
    configuration, of which the hub tells git's SHA-1 instead of a sha256. Raises ``OfflineError``, ``NoSpaceError``,
    ``WrongHashError`` or ``PullError``.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    with explained(f"{source.repository}/{source.file}", source):
        url = hf_hub_url(source.repository, source.file, revision=source.revision, endpoint=endpoint)
        promised = get_hf_file_metadata(url, endpoint=endpoint)
    told, size = promised.etag or "", promised.size
    known = _SHA256.fullmatch(told) or (small and _GIT_BLOB.fullmatch(told))
    if not known or size is None:
        raise PullError(
            f"The hub tells no sha256 of {source.file} in {source.repository}, so it was not downloaded."
        )
    path = partial(told)
    have = path.stat().st_size if path.exists() else 0
    if have > size:
        path.unlink()
        have = 0
    check_room(size - have)
    progress.begin(f"Downloading {source.file}", size)
    progress.advance(have)
    headers = build_hf_headers()
    if urlsplit(promised.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the token is for the hub, not for where it sends us
    with (
        explained(f"{source.repository}/{source.file}", source),
        _CountedFile(path, progress) as file,
    ):
        http_get(promised.location, file, resume_size=have, headers=headers, expected_size=size)
    sha256 = sha256_of(path)
    if told != (sha256 if _SHA256.fullmatch(told) else git_blob(path)):
        path.unlink()
        raise WrongHashError(
            f"{source.file} came damaged (its hash is not {told}). It was deleted; pull again."
        )
    return Fetched(path, sha256)


def git_blob(path: Path) -> str:
    """The SHA-1 under which git keeps a file: of its length and its bytes."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def explained(where: str, source: HubSource) -> Iterator[None]:
    """Map the errors of ``huggingface_hub`` and of the HTTP library under it; ``where`` is what was asked for."""
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise OfflineError(
            f"HF_HUB_OFFLINE is set, so {where} was not downloaded. Unset it to pull."
        ) from error
    except errors.GatedRepoError as error:
        raise PullError(
            f"{source.repository} wants its terms accepted: do so on its page of the hub, then: hf auth login"
        ) from error
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError, errors.RevisionNotFoundError) as error:
        raise PullError(f"The hub has no {where} at {source.revision}.") from error
    except errors.HfHubHTTPError as error:
        raise PullError(
            f"The hub answered {error.response.status_code} for {where}. Try again later."
        ) from error
    except errors.HTTPError as error:  # type: ignore[attr-defined]
        raise OfflineError(
            f"The connection to the hub failed ({type(error).__name__}), so {where} is not here. Check the network "
            "and pull again: what has come is kept, and the download goes on where it stopped."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpaceError(
                f"The disk is full. Make room and pull {source.file} again: it goes on."
            ) from error
        raise PullError(f"{where} could not be downloaded: {error}") from error
