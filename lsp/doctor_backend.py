"""Checks a backend over HTTP, as ``pilotfish doctor`` does: from the address to a token of the model."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pilotfish.lsp.client import (
    BackendError,
    BackendModel,
    BackendTimeout,
    BackendUnreachable,
    BadSetting,
    CompletionRequest,
    Endpoint,
    HttpBackend,
    ModelNotFound,
    Overloaded,
    ProtocolError,
    Unauthorized,
    choose_model,
)
from pilotfish.lsp.findings import Finding, failure, note, ok, warning
from pilotfish.lsp.key_command import read_key
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.version import VERSION
from pilotfish.lsp.versions import older

ADVICE: tuple[tuple[type[BackendError], str, str], ...] = (
    (BackendUnreachable, "connection", "is the server running, and is backend.url right?"),
    (BackendTimeout, "connection", "is the server overloaded, or a firewall in between? see backend.timeout"),
    (Overloaded, "load", "try again later"),
    (Unauthorized, "key", "check backend.api_key and backend.api_key_command"),
    (ModelNotFound, "model", "set backend.model, or have the server load a model"),
    (BadSetting, "settings", "correct the setting"),
    (BackendError, "protocol", "is backend.url that of an OpenAI-compatible server? its log may say more"),
)
"""The topic of an error and what to do about it, where its message does not say; the first row that fits counts."""
SLOW_HEALTH = 0.3
"""Seconds for a small answer on an open connection; more than that on each key is felt."""
PROMPT = "def add(a, b):\n    return a"


async def check_remote(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Check the server that ``backend.url`` names."""
    backend = settings.backend
    try:
        key = None if backend.api_key else await read_key(backend.api_key_command, environ=environment)
    except BadSetting as error:
        yield explain(error)
        return
    endpoint = Endpoint.from_settings(backend, key)
    yield ok("backend", f"a remote one at {endpoint.root}")
    for finding in _way(endpoint):
        yield finding
    origin = "backend.api_key" if backend.api_key else "backend.api_key_command"
    yield ok("key", f"one from {origin}") if endpoint.api_key else note("key", "none is set")
    async for finding in check_endpoint(endpoint, wanted=backend.model):
        yield finding


async def check_endpoint(endpoint: Endpoint, *, wanted: str) -> AsyncIterator[Finding]:
    """Connect, list the models, look at the health, and have the wanted model write one token."""
    backend = HttpBackend(endpoint)
    try:
        start = time.perf_counter()
        models = await backend.models()
        secure = f", TLS trusted by {_trust(endpoint)}" if endpoint.root.startswith("https:") else ""
        yield ok("connection", f"{_ms(time.perf_counter() - start)} to connect and list models{secure}")
        yield await _health(backend)
        model = choose_model(models, wanted)
        yield ok("model", _described(model, models))
        theirs = await backend.version() if model.ours else ""
        if older(theirs, VERSION):
            found = f"the server is Pilotfish {theirs}, older than ours, {VERSION}"
            yield warning("version", found, "have it brought up to date")
        yield await _one_token(backend, model)
    except BackendError as error:
        yield explain(error)
    finally:
        await backend.aclose()


def explain(error: BackendError) -> Finding:
    """Say what failed and what to do; many messages hold both, with the setting's name in the second half."""
    topic, advice = next((topic, advice) for kind, topic, advice in ADVICE if isinstance(error, kind))
    found, *rest = re.split(r"[;:] ", str(error), maxsplit=1)
    if rest and "backend." in rest[0]:
        return failure(topic, found, rest[0])
    return failure(topic, str(error), advice)


async def _health(backend: HttpBackend) -> Finding:
    start = time.perf_counter()
    healthy = await backend.health()
    seconds = time.perf_counter() - start
    if not healthy:
        return warning("health", "the server says that it is not well", "look into its log")
    if seconds > SLOW_HEALTH:
        advice = "every suggestion waits for that: is there a nearer server, or a model on this machine?"
        return warning("health", f"ready; the answer took {_ms(seconds)}", advice)
    return ok("health", f"ready; the answer took {_ms(seconds)}")


async def _one_token(backend: HttpBackend, model: BackendModel) -> Finding:
    start = time.perf_counter()
    first: float | None = None
    async with aclosing(backend.stream(CompletionRequest(PROMPT, max_tokens=1), model)) as chunks:
        async for chunk in chunks:
            if first is None and (chunk.text or chunk.finish_reason):
                first = time.perf_counter() - start
    if first is None:
        raise ProtocolError("the backend sent an answer without a completion")
    return ok("completion", f"one token took {_ms(first)}")


def _way(endpoint: Endpoint) -> list[Finding]:
    """The way to the server: a proxy, and whether others can listen."""
    findings = []
    parts = urlsplit(endpoint.root)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is not None:
        host = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        name = f"{host.hostname}:{host.port}" if host.port else str(host.hostname)
        used = not endpoint.is_loopback and not proxy_bypass(parts.netloc)
        found = f"the environment names {name}, which is {'used' if used else 'not used'} for this URL"
        findings.append(note("HTTP proxy", found, "NO_PROXY keeps a host out of it" if used else ""))
    if parts.scheme == "http" and not endpoint.is_loopback:
        advice = "use https, or a tunnel: your text and the key can be read on the way"
        findings.append(warning("TLS", "there is none between here and the server", advice))
    return findings


def _trust(endpoint: Endpoint) -> str:
    return (
        f"backend.ca_file ({endpoint.ca_file})" if endpoint.ca_file else "the operating system's authorities"
    )


def _described(model: BackendModel, models: list[BackendModel]) -> str:
    length = f"{model.context_length} tokens" if model.context_length else "unknown length"
    fim = "fill-in-the-middle" if model.fim else "no fill-in-the-middle"
    others = len(models) - 1
    more = f"; and {others} more" if others else ""
    return f"{model.id} ({length} of context, {fim}, device {model.device}){more}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
