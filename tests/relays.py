"""A private authority, and relays: a gateway with its certificate, and proxies, each before another server."""

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
import threading
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "groq.invalid"
"""A name that no name server knows, so that only a proxy leads there."""


VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "sslkeylogfile"}


def clear_environment(monkeypatch):
    """Leave no proxies and no authorities in the environment."""
    for name in [name for name in os.environ if name.lower() in VARIABLES]:
        monkeypatch.delenv(name)


class Authority:
    """Issues a certificate for 127.0.0.1 and `HOST`; nobody trusts it unless told so.

    `pem` is its own certificate, and `hashed` a folder with that under the name by which OpenSSL finds it.
    """

    def __init__(self, folder):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Our Authority")])
        certificate = self._signed(self.name, self.key, ca=True)
        self.pem = folder / "authority.pem"
        self.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._server = folder / "server.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "our server")])
        signed = self._signed(name, key, ca=False).public_bytes(serialization.Encoding.PEM)
        self._server.write_bytes(key.private_bytes(*form) + signed)

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context

    def _signed(self, name, key, *, ca):
        now = dt.datetime.now(dt.UTC)
        use = dict.fromkeys(
            ["content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
        )
        names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_encipherment=not ca, key_cert_sign=ca, crl_sign=ca, **use),
                critical=True,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )


class Relay:
    """Hands on what it is sent to one server, whatever it was asked for.

    `asked` is what the clients of a proxy asked it for.

    Args:
        upstream: The URL of the server.
        context: With which it speaks TLS, if it does.
        greet: How a proxy begins a connection: one of the coroutines below.
    """

    def __init__(self, upstream, *, context=None, greet=None):
        self.asked = []
        self._upstream = urlsplit(upstream)
        self._context = context
        self._greet = greet
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def stop(self):
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(5)

    async def _run(self):
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        quick = {"ssl_shutdown_timeout": 0.1} if self._context else {}
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context, **quick)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._context else ''}://127.0.0.1:{self.port}"
        self._ready.set()
        await self._stopped.wait()
        server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader, writer):
        async with _closed(writer):
            if self._greet:
                self.asked.append(await self._greet(reader, writer))
            onwards = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
            async with _closed(onwards[1]):
                ways = [_pump(reader, onwards[1]), _pump(onwards[0], writer)]
                # Either side hangs up for both.
                await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)


@asynccontextmanager
async def _closed(writer):
    try:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            yield
    finally:
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()


async def _pump(reader, writer):
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def connect(reader, writer):
    """An HTTP proxy; what it was asked is the whole head."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return head


async def nonsense(reader, writer):
    """No proxy of any kind."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    raise ConnectionResetError


async def socks(reader, writer):
    """A SOCKS 5 proxy, which is asked for a name and a port."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    await reader.readexactly(4)
    name = await reader.readexactly((await reader.readexactly(1))[0])
    port = int.from_bytes(await reader.readexactly(2))
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    return f"{name.decode()}:{port}"
