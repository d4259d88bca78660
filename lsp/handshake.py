"""What ``initialize`` brings and decides. Imports as little as the answer to it needs."""

from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from pilotfish.lsp.configuration import Configuration

FILE_SCHEMES = frozenset({"file", "vscode-notebook-cell"})


class Handshake:
    """The client as it introduced itself, and the configuration that it came with."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.configuration = Configuration(environ)
        self.root: Path | None = None
        """The workspace's folder."""
        self.client = ""
        """The client's name in lower case."""
        self.hears_of_more = False
        """Whether the client understands ``pilotfish/more``."""
        self._inline_offered = False

    def initialize(self, params: types.InitializeParams) -> None:
        """Take what the client says of itself; read the configuration, since it decides what is offered."""
        self.client = (params.client_info.name if params.client_info else "").lower()
        capabilities = params.capabilities.text_document
        self._inline_offered = capabilities is not None and capabilities.inline_completion is not None
        self.hears_of_more = _announces(params.capabilities.experimental, "pilotfishMore")
        root = params.workspace_folders[0].uri if params.workspace_folders else params.root_uri
        self.root = file_of(root) if root else None
        self.configuration.initialize(self.root, params.initialization_options)

    @property
    def offers_menu(self) -> bool:
        """Whether to answer ``textDocument/completion``."""
        mode = self.configuration.settings.completion.mode
        return mode in {"menu", "both"} or (mode == "auto" and not self._inline_offered)

    @property
    def offers_hints(self) -> bool:
        """Whether to answer ``textDocument/inlayHint``: Helix has no other ghost text."""
        wanted = self.configuration.settings.completion.inlay_hint
        return wanted == "always" or (wanted == "auto" and self.client.startswith("helix"))


def file_of(uri: str) -> Path | None:
    """The file that a URI names, or None for documents that are not files."""
    scheme = uri.split(":", 1)[0].lower()
    if scheme not in FILE_SCHEMES:
        return None
    name = to_fs_path("file" + uri[len(scheme) :].split("#", 1)[0])
    return Path(name) if name else None


def _announces(experimental: object, name: str) -> bool:
    """Whether a client lists a capability of ours among the experimental ones."""
    known = experimental.get(name) if isinstance(experimental, Mapping) else getattr(experimental, name, None)
    return known is True
