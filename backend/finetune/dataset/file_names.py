"""What a file's name alone says against it. Pure."""

import re

from .reasons import GENERATED, LOCK, MINIFIED, SECRET_NAME, VENDORED

_VENDORED = (
    "node_modules bower_components jspm_packages vendor vendors third_party third-party thirdparty 3rdparty _vendor "
    "_vendored site-packages dist-packages .yarn .pnpm-store Pods Carthage .bundle .eggs .tox .nox .gradle"
)
VENDORED_FOLDERS = frozenset(_VENDORED.split())
"""Folders of what others wrote."""
_LOCK_NAMES = (
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock poetry.lock pdm.lock "
    "uv.lock pipfile.lock pixi.lock cargo.lock gemfile.lock composer.lock go.sum go.work.sum mix.lock pubspec.lock "
    "podfile.lock package.resolved cartfile.resolved flake.lock conan.lock packages.lock.json project.assets.json "
    "gradle.lockfile buildscript-gradle.lockfile .terraform.lock.hcl chart.lock rebar.lock stack.yaml.lock "
    "cabal.project.freeze module.bazel.lock maven_install.json brewfile.lock.json"
)
_LOCKS = frozenset(_LOCK_NAMES.split())
_GENERATED = re.compile(
    r".*(?:_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h|gw\.go)|_grpc\.pb\.go|\.g(?:\.i)?\.cs|\.(?:g|freezed|mocks)\.dart"
    r"|\.designer\.(?:cs|vb)|[._]generated\.\w+|\.(?:js|css|mjs|cjs|ts)\.map|\.snap|_mock\.gen\.go|\.gen\.go|\.xlf)",
    re.IGNORECASE,
)
_MINIFIED = re.compile(r".*[.-]min\.(?:js|mjs|cjs|css|html|json)", re.IGNORECASE)
_SECRETS = re.compile(
    r"\.env.*|.*\.(?:env|pem|key|crt|p12|pfx|jks|keystore|kdbx|tfvars)|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|(?:secrets|credentials)(?:\.(?:ya?ml|json|toml|ini|cfg|conf|properties|xml|txt|enc|csv))?|[._]netrc|\.pgpass"
    r"|\.npmrc|\.pypirc|\.git-credentials|\.htpasswd",
    re.IGNORECASE,
)
"""Sources such as secrets.py are judged by what is in them."""
_TEMPLATES = re.compile(r"\.env\.(?:example|sample|template|dist)", re.IGNORECASE)
_COPY = re.compile(r"(?:\.(?:bak|old|orig|save|sw[a-p]|tmp)|[~#])+$", re.IGNORECASE)
"""What editors and people put behind the name of a copy."""
_DOCKER_LOGIN = "/.docker/config.json"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines, and bytes of a name that were no UTF-8, as Python has them."""
_SECRET_FOLDERS = frozenset((".ssh", ".aws", ".gnupg", ".kube"))


def printable(name: str) -> str:
    """A name as it can be written as UTF-8 and shown on a terminal."""
    return UNPRINTABLE.sub("\ufffd", name)


def why_left_by_name(path: str) -> str | None:
    """The reason why no file of this name is taken, or None. The folders of ``path`` hardly count."""
    name = path.rpartition("/")[2]
    if f"/{path}".lower().endswith(_DOCKER_LOGIN):
        return SECRET_NAME
    if name.lower() in _LOCKS or name.endswith(".lock"):
        return LOCK
    if _TEMPLATES.fullmatch(name):
        return None
    original = _COPY.sub("", name)
    if any(map(_SECRETS.fullmatch, (name, original, original.lstrip("#"), original.lstrip(".#")))):
        return SECRET_NAME
    return MINIFIED if _MINIFIED.fullmatch(name) else GENERATED if _GENERATED.fullmatch(name) else None


def why_folder_left(name: str, *, holds: frozenset[str] = frozenset()) -> str | None:
    """The reason why nothing is taken out of a folder of this name; ``holds`` are the names in it."""
    if name in VENDORED_FOLDERS or "pyvenv.cfg" in holds:
        return VENDORED
    return SECRET_NAME if name.lower() in _SECRET_FOLDERS else None


def why_left_by_path(path: str) -> str | None:
    """The reason why a file that is known by its path alone is not taken, or None."""
    *folders, _ = path.split("/")
    reasons = (why_folder_left(folder) for folder in folders)
    return next(filter(None, reasons), None) or why_left_by_name(path)
