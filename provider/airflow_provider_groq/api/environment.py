"""What the environment says of the way to the server: the proxy, and which authorities' certificates are trusted.

httpx reads the same variables. But it makes no client of some that are common, such as IPv6 in ``NO_PROXY``, overlooks
networks there, and names no variable when it fails. A client here talks to one host, so what holds for that is found
once, when the client is made.
"""

from __future__ import annotations

import os
import re
import ssl
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

import httpx

from airflow_provider_groq.api.files import expanded
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqConnectionError

PORTS = {"http": 80, "https": 443}
SOCKS = frozenset({"socks5", "socks5h"})
PROXIES = frozenset({*PORTS, *SOCKS})

HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names by which OpenSSL finds certificates in a folder."""


def proxy(settings: Settings) -> httpx.Proxy | None:
    """The proxy that stands between this machine and the server, if any.

    None stands between this machine and itself: one from the environment would get the key.

    Raises:
        GroqConnectionError: The environment names one that cannot be used; the message says in which variable.
    """
    scheme = _proxied(settings)
    if scheme is None:
        return None
    url = getproxies()[scheme].strip()
    url = url if "://" in url else f"http://{url}"
    kind = _kind(url)
    if kind in SOCKS and not find_spec("socksio"):
        raise GroqConnectionError(
            f"The environment variable {_variable(scheme)} names a SOCKS proxy, but the package socksio is not "
            "installed. Install airflow-provider-groq[socks] where the workers and the triggerer run, or add "
            f"{urlsplit(settings.base_url).hostname} to NO_PROXY."
        )
    try:
        if kind:
            # A proxy may be spoken to over TLS too; the connection's authorities are only the server's.
            return httpx.Proxy(url, ssl_context=_of_environment() if kind == "https" else None)
    except (ValueError, httpx.InvalidURL):  # such as of a host that no machine can have
        pass
    # Not shown, and neither is what is wrong with it: it may hold a password.
    raise GroqConnectionError(
        f"The environment variable {_variable(scheme)} is not a valid proxy URL (its value is not shown). "
        "Set it to the form http://host:port, https://host:port or socks5://host:port, unset it, or add "
        f"{urlsplit(settings.base_url).hostname} to NO_PROXY."
    )


def proxy_variable(settings: Settings) -> str:
    """The variable that names the proxy through which the server is asked; empty if there is none."""
    scheme = _proxied(settings)
    return _variable(scheme) if scheme else ""


def tls(settings: Settings) -> ssl.SSLContext:
    """How the server's certificate is verified.

    Raises:
        GroqConnectionError: The authorities that the connection or the environment names cannot be read.
    """
    if settings.ca_bundle:
        path = expanded(settings.ca_bundle)
        return (_of_folder if path.is_dir() else _of_file)(f"ca_bundle in the extra of {settings.origin}", str(path))
    if urlsplit(settings.base_url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is not asked to
    return _of_environment()


def _proxied(settings: Settings) -> str | None:
    """For which scheme the environment has the proxy that holds for the server; None if it has none."""
    url, proxies = urlsplit(settings.base_url), getproxies()
    scheme = next((scheme for scheme in (url.scheme, "all") if proxies.get(scheme, "").strip()), None)
    if settings.is_loopback or any(_is_about(entry, url) for entry in re.split(r"[\s,]+", proxies.get("no", ""))):
        return None
    return scheme


def _is_about(entry: str, url: SplitResult) -> bool:
    """Whether an entry of ``NO_PROXY`` is about the server: ``*``, an address, a network, or a name or one above it."""
    host = url.hostname or ""
    if entry == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    try:
        named = urlsplit(entry if "://" in entry else f"//{entry}")
        name, port = (named.hostname or "").lstrip("*."), named.port
    except ValueError:
        return False
    if named.scheme not in {"", "all", url.scheme} or port not in {None, url.port or PORTS[url.scheme]}:
        return False
    return bool(name) and f".{host}".endswith(f".{name}")


def _kind(url: str) -> str:
    """The kind of a proxy; empty if there is none, or no host or port that one can have, which httpx overlooks."""
    try:
        named = urlsplit(url)
        good = named.scheme in PROXIES and re.fullmatch(r"[^\s\0]+", named.hostname or "") and named.port != 0
    except ValueError:
        return ""
    return named.scheme if good else ""


def _variable(scheme: str) -> str:
    """The name of the variable, of which that in lower case counts if there are two."""
    lower = f"{scheme}_proxy"
    names = [name for name in os.environ if name.lower() == lower and os.environ[name]]
    return lower if lower in names or not names else names[0]


def _of_environment() -> ssl.SSLContext:
    """What is trusted where the connection says nothing; of the two variables, the file counts, as httpx has it."""
    if path := os.environ.get("SSL_CERT_FILE"):
        return _of_file("The environment variable SSL_CERT_FILE", path)
    if path := os.environ.get("SSL_CERT_DIR"):
        return _of_folder("The environment variable SSL_CERT_DIR", path)
    _check_key_log()
    return httpx.create_ssl_context(trust_env=False)


def _of_file(source: str, path: str) -> ssl.SSLContext:
    _check_key_log()
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "which has no readable certificate. It must be in PEM format"
    except (OSError, ValueError) as error:
        reason = f"which cannot be read: {getattr(error, 'strerror', None) or error}"
    raise GroqConnectionError(
        f"{source} names the file {path!r}, {reason}. Set it to the certificates of the authorities to trust, or "
        "remove it."
    )


def _of_folder(source: str, path: str) -> ssl.SSLContext:
    """OpenSSL reads a folder only as certificates are asked for, so of one without any it says nothing."""
    _check_key_log()
    reason = "which has no certificate with a name that OpenSSL finds: run `openssl rehash` on it"
    for folder in path.split(os.pathsep):
        try:
            if any(HASHED.fullmatch(entry.name) for entry in Path(folder).iterdir()):
                return ssl.create_default_context(capath=path)
        except (OSError, ValueError) as error:
            reason = f"which cannot be read: {getattr(error, 'strerror', None) or error}"
    raise GroqConnectionError(f"{source} names the folder {path!r}, {reason}. Correct it, or remove it.")


def _check_key_log() -> None:
    """Python writes the keys of TLS connections to the file that this variable names, for debugging."""
    path = os.environ.get("SSLKEYLOGFILE")
    try:
        if path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = path
    except (OSError, ValueError) as error:
        raise GroqConnectionError(
            f"The environment variable SSLKEYLOGFILE names the file {path!r}, which cannot be written: "
            f"{getattr(error, 'strerror', None) or error}. Correct it, or unset it."
        ) from None
