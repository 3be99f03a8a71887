"""Where Groq is, the key, and the tuning of a client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from airflow_provider_groq import __version__
from airflow_provider_groq.exceptions import GroqConnectionError

GROQ_HOST = "api.groq.com"
BASE_URL = f"https://{GROQ_HOST}"
API_PATH = "/openai/v1"

LONGEST_TIMEOUT = 86_400
"""A day; the operating system takes no number of seconds beyond its clock's."""

LONGEST_CONNECTING = 10.0
"""Seconds for making a connection, to each address that the host has."""

MAX_FILE_BYTES = 100_000_000
"""The largest input file. Groq's batch guide says 200 MB, its API reference 100 MB; the smaller holds."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

OWN_HEADERS = frozenset(
    {
        *["authorization", "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"],
        *["expect", "accept-encoding", "range"],
    }
)
"""Headers that are the client's own: the key, and what says where a request or an answer ends and what of it comes."""

OWN_PREFIXES = ("content-", "proxy-")

SHORTEST_SECRET = 5
"""A header's value of fewer characters is no secret. Airflow masks none either, for they are parts of other words."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client needs to know.

    Attributes:
        api_key: Groq's key; not shown when this is printed.
        base_url: Scheme and host, with or without ``/openai/v1`` or another path ending in ``/v1``.
        timeout: Seconds to wait for a connection to take or give the next bytes.
        max_retries: How often a call is retried after a transient error.
        max_file_bytes: The largest input file that is uploaded.
        allow_http: Whether plain HTTP may be used to another host than loopback.
        ca_bundle: A file of certificates (PEM), or a folder of such, of the authorities to trust in place of the usual.
        headers: Further headers for each request, such as a gateway's; their values are not shown.
        check_models: Whether the models that an input names are compared with those that the key may use.
        origin: What these settings were read from, for messages.

    Raises:
        GroqConnectionError: One of them cannot be used.
    """

    api_key: str = field(repr=False)
    base_url: str = BASE_URL
    timeout: float = 60.0
    max_retries: int = 5
    max_file_bytes: int = MAX_FILE_BYTES
    allow_http: bool = False
    ca_bundle: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    check_models: bool = True
    origin: str = "the connection"

    def __post_init__(self) -> None:
        self._check_key()
        self._check_url()
        self._check_headers()
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise GroqConnectionError(
                f"timeout must be a number of seconds above 0 and up to {LONGEST_TIMEOUT:,}, but is {self.timeout!r}."
            )
        if self.max_retries < 0:
            raise GroqConnectionError(f"max_retries must be 0 or more, but is {self.max_retries!r}.")
        if self.max_file_bytes <= 0:
            raise GroqConnectionError(f"max_file_bytes must be above 0, but is {self.max_file_bytes!r}.")

    @property
    def api_url(self) -> str:
        """The address that the paths of calls are appended to."""
        url = self.base_url.rstrip("/")
        return url if url.endswith("/v1") else url + API_PATH

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {
            "user-agent": f"airflow-provider-groq/{__version__}",
            **{name.lower(): value for name, value in self.headers.items()},
            "authorization": f"Bearer {self.api_key}",
        }

    @property
    def secrets(self) -> list[str]:
        """What must not be shown, the longest first: the key, and what the headers carry, with and without a scheme."""
        values = {word for value in self.headers.values() for word in (value, value.split()[-1])}
        return sorted({self.api_key, *(value for value in values if len(value) >= SHORTEST_SECRET)}, key=len)[::-1]

    @property
    def is_groq(self) -> bool:
        """Whether the server is Groq itself, no gateway."""
        return urlsplit(self.base_url).hostname == GROQ_HOST

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def connect_timeout(self) -> float:
        """Seconds for making a connection."""
        return min(LONGEST_CONNECTING, self.timeout)

    def hurried(self, timeout: float) -> Settings:
        """The same with no more patience than `timeout` seconds."""
        return replace(self, timeout=min(self.timeout, timeout))

    def without_secrets(self, text: str) -> str:
        """The text with the key and the headers' values struck out, should a server have echoed them."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def _check_key(self) -> None:
        if not self.api_key:
            raise GroqConnectionError("There is no API key: put Groq's key into the connection's password.")
        if not (self.api_key.isascii() and self.api_key.isprintable()) or " " in self.api_key:
            raise GroqConnectionError(
                "The API key (the connection's password) has white space or invalid characters; did you "
                "paste more than the key?"
            )

    def _check_headers(self) -> None:
        """Values are not shown: they may be secret."""
        if not isinstance(self.headers, Mapping):
            raise GroqConnectionError(
                f'headers must be a JSON object, such as {{"X-Team": "ours"}}, but is {type(self.headers).__name__}.'
            )
        for name, value in self.headers.items():
            if not HEADER_NAME.fullmatch(name):
                raise GroqConnectionError(
                    "headers has an invalid header name (not shown, because it may contain the value)."
                )
            if name.lower() in OWN_HEADERS or name.lower().startswith(OWN_PREFIXES):
                raise GroqConnectionError(
                    f"headers has {name!r}, which only the client may set: remove it."
                    + (" The key is the connection's password." if name.lower() == "authorization" else "")
                )
            if not isinstance(value, str):
                raise GroqConnectionError(f"headers has {name!r} with a value that is not text: quote it.")
            if not value or value != value.strip() or not (value.isascii() and value.isprintable()):
                raise GroqConnectionError(
                    f"headers has {name!r} with an invalid value: it must be printable ASCII, not "
                    "empty, without white space at either end."
                )

    @property
    def _shown_url(self) -> str:
        """The base URL for a message, unless a key was put in its place."""
        return "(a key, which is not shown)" if self.base_url.startswith("gsk_") else repr(self.base_url)

    def _check_url(self) -> None:
        try:
            url = urlsplit(self.base_url)
            host = url.hostname
            _ = url.port
        except ValueError as error:
            raise GroqConnectionError(f"The base URL (host) is not a URL: {error}.") from None
        if url.scheme not in {"http", "https"} or not host or " " in self.base_url or not self.base_url.isprintable():
            raise GroqConnectionError(
                f"The base URL (host) {self._shown_url} must begin with https:// and name a host, without white space, "
                f"for example {BASE_URL}."
            )
        if url.username or url.password or "?" in self.base_url or "#" in self.base_url:
            raise GroqConnectionError(
                "The base URL (host) must not have a user, password, query or fragment; the key is the "
                "connection's password."
            )
        if url.scheme == "http" and not self.allow_http and not _is_loopback(host):
            raise GroqConnectionError(
                f"The base URL (host) {self.base_url!r} would send the key over plain HTTP to another machine. "
                'Use https://, or set "allow_http": true in the connection\'s extra.'
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
