"""The channel to Triton: TLS, and what its errors mean."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme

from harness.triton import TritonProcess
from harness.triton_models import MODEL_NAME, ScriptedModel
from harness.waiting import until
from pilotfish.backend.proxy.engines.base import (
    EngineBusy,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    Generation,
)
from pilotfish.backend.proxy.engines.triton import TritonEngine, TritonSettings
from pilotfish.backend.proxy.engines.triton_wire import NotSent, TritonWire, _ours, read_certificates


@dataclass
class Secured:
    """A Triton that speaks TLS, and who vouches for it."""

    triton: TritonProcess
    ca: Path

    @property
    def url(self) -> str:
        return self.triton.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, private, ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    certificate.private_key_pem.write_to_path(private)
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    authority.cert_pem.write_to_path(ca)
    ScriptedModel(folder / "repository")
    tls = ["--grpc-use-ssl=true", f"--grpc-server-cert={chain}", f"--grpc-server-key={private}"]
    with TritonProcess(folder / "repository", config_name="decoupled", arguments=tls) as triton:
        yield Secured(triton, ca)


async def test_tls(secured: Secured, tokenizer_file: Path) -> None:
    """With the certificate of who vouches for it, the server is asked over TLS."""
    engine = TritonEngine(TritonSettings(urls=(secured.url,), tokenizer=tokenizer_file, tls_ca=secured.ca))
    async with asyncio.timeout(10):
        await engine.start()
    items = [item async for item in engine.generate(Generation([1], 3))]
    assert len(items) == 4
    await engine.stop()


async def test_a_port_of_something_else(tokenizer_file: Path) -> None:
    """Triton's HTTP port, say, or one that wants TLS: what is waited for says what may be wrong."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        engine = TritonEngine(TritonSettings(urls=(f"127.0.0.1:{port}",), tokenizer=tokenizer_file))
        starting = asyncio.create_task(engine.start())
        await until(lambda: "gRPC port" in (engine.waits_for or ""))
        starting.cancel()
        await engine.stop()


@pytest.mark.parametrize("trust", ["nothing", "somebody else"])
async def test_a_server_that_is_not_trusted_is_none(
    secured: Secured, tokenizer_file: Path, tmp_path: Path, trust: str
) -> None:
    """No request is sent to it; while it is waited for, it says so."""
    ca = None
    if trust == "somebody else":
        ca = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(ca)
    engine = TritonEngine(TritonSettings(urls=(secured.url,), tokenizer=tokenizer_file, tls_ca=ca))
    starting = asyncio.create_task(engine.start())
    await until(lambda: engine.waits_for is not None and "yet" not in engine.waits_for)
    assert secured.url in str(engine.waits_for)
    with pytest.raises(EngineUnavailable, match=secured.url):
        _ = engine.capabilities
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert engine.waits_for is None


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_certificate(tmp_path: Path, content: str | None) -> None:
    """It is named before anything is asked."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(EngineError, match=str(file)):
        read_certificates(file)


async def test_nobody_there_is_not_sent() -> None:
    """So another server may be asked the same."""
    wire = TritonWire("127.0.0.1:1", MODEL_NAME, answer_seconds=5)
    with pytest.raises(NotSent, match=r"127\.0\.0\.1:1"):
        await wire.model_ready(5)
    with pytest.raises(NotSent):
        async with wire.stream([], []) as responses:
            await anext(responses)
    await wire.close()


async def test_a_closed_channel_is_away() -> None:
    """Whoever still asks is told like anybody else."""
    wire = TritonWire("127.0.0.1:1", MODEL_NAME, answer_seconds=5)
    await wire.close()
    for asked in (wire.model_ready(5), wire.infer([], [])):
        with pytest.raises(EngineUnavailable, match="closed"):
            await asked


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        ("UNAVAILABLE", "in queue: Exceeds maximum queue size", EngineBusy),
        ("UNAVAILABLE", "Request timeout expired", EngineBusy),
        ("RESOURCE_EXHAUSTED", "message too large", EngineError),
        ("UNAVAILABLE", "failed to connect to all addresses; refused", NotSent),
        ("UNAVAILABLE", "DNS resolution failed for x", NotSent),
        ("UNAVAILABLE", "Socket closed", EngineUnavailable),
        ("NOT_FOUND", "unknown model", EngineUnavailable),
        ("CANCELLED", "", EngineUnavailable),
        ("DEADLINE_EXCEEDED", "", EngineTimeout),
        ("INTERNAL", "stub", EngineError),
        ("INVALID_ARGUMENT", "shape", EngineError),
    ],
)
def test_what_a_status_means(code: str, details: str, kind: type[EngineError]) -> None:
    """Each with the address, and with what the server said, on one line and not for ever."""
    error = _ours(grpc.StatusCode[code], details, "a:1")
    assert type(error) is kind
    assert "a:1" in str(error)
    assert len(str(_ours(grpc.StatusCode.INTERNAL, "x\n" * 1000, "a:1"))) < 400
