"""How an answer is read: a value of the call's type, or the right error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from airflow_provider_groq.api.bodies import MAX_VALUES, is_too_wide
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.decoding import first_problem
from airflow_provider_groq.api.environment import proxy_variable
from airflow_provider_groq.api.reasons import reasons
from airflow_provider_groq.api.retry import read_retry_after
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.api.text import as_text, one_line
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqConnectionError,
    GroqError,
    GroqInputError,
    GroqResponseError,
    GroqTransportError,
)

T = TypeVar("T")

MAX_MESSAGE, MAX_WORD = 2_000, 200
"""How much of a server's error message is kept, in characters, and of all else that it says: some echo the
whole request."""

MAX_BEGINNING = 80
"""How much of a page is shown. Plain text is a message, and shown as one."""

MAX_REASONS = 100
"""How many reasons of an error are read."""

TIMEOUTS: Mapping[type[Exception], str] = {
    httpx.ConnectTimeout: "no connection within",
    httpx.ReadTimeout: "nothing was received for",
    httpx.WriteTimeout: "the server accepted nothing for",
    httpx.PoolTimeout: "no connection was free for",
}

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
TRANSPORT = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)


def read(call: Call[T], response: httpx.Response, body: bytes, settings: Settings) -> T:
    """The value that an answer carries.

    Raises:
        GroqAPIError: Groq answered with an error.
        GroqConnectionError: It leads elsewhere.
        GroqResponseError: It is not Groq's.
    """
    if response.has_redirect_location:
        location = _said(response.headers["location"], settings)
        raise GroqConnectionError(
            f"{call} returned a redirect to {location!r}. Redirects are not followed, to protect the "
            f"key: correct the base URL (host) of {settings.origin}."
        )
    if not response.is_success:
        raise _api_error(call, response, body, settings)
    if call.raw and is_page(response):
        raise _not_groqs(call, response, body, "a page, not a file", settings)
    if not call.raw and is_too_wide(body):
        raise _not_groqs(call, response, body, f"it has more than {MAX_VALUES:,} values", settings)
    try:
        return call.answer(body)
    except ValidationError as error:
        raise _not_groqs(call, response, body, first_problem(error), settings) from None


def is_page(response: httpx.Response) -> bool:
    """Whether a web page came: Groq sends none, but a proxy may, with status 200."""
    return str(response.headers.get("content-type", "")).startswith("text/html")


def is_of_transport(error: Exception) -> bool:
    """Whether an error says that the response was incomplete."""
    return isinstance(error, TRANSPORT) or _library(error) in {"h11", "socksio"}


def _library(error: Exception) -> str:
    """Where an error is from: httpx hands on some of those below it as they are."""
    return type(error).__module__.partition(".")[0]


def transport_error(call: Call[Any], error: Exception, settings: Settings) -> GroqError:
    """The error for a request that got no complete response."""
    if isinstance(error, httpx.InvalidURL):  # only of a redirect: that of a request is found before it is sent
        return GroqResponseError(f"{call} returned a redirect to an invalid URL: {_said(error, settings)}.")
    if call.upload and type(error).__name__ == "LocalProtocolError":  # httpx's, or that of h11 below it
        return GroqInputError(
            f"{call.upload.filename} changed size during the upload. No file was stored. Upload it once it is complete."
        )
    reason = f"{type(error).__name__}: {_timeout(error, settings) or _said(error, settings) or 'no details'}"
    if not (isinstance(error, NOT_SENT) or _library(error) == "socksio"):
        return GroqTransportError(f"{call} got no complete response: {reason.rstrip('. ')}.")
    return GroqTransportError(f"{call} could not be sent: {reason.rstrip('. ')}. {_way(reason, settings)}", sent=False)


def _way(reason: str, settings: Settings) -> str:
    """What to look for where the server was not reached."""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return (
            "If a private authority signed its certificate, name that authority's certificate in ca_bundle in the "
            f"extra of {settings.origin}, or in SSL_CERT_FILE."
        )
    proxy = proxy_variable(settings)
    through = f" through the proxy that {proxy} names" if proxy else ""
    return f"Check the base URL (host) of {settings.origin}, and that this machine can reach it{through}."


def _timeout(error: Exception, settings: Settings) -> str:
    """How long was waited, and for what; empty if something else went wrong."""
    waited = TIMEOUTS.get(type(error))
    seconds = settings.connect_timeout if isinstance(error, httpx.ConnectTimeout) else settings.timeout
    return f"{waited} {seconds:g} s" if waited else ""


def _not_groqs(
    call: Call[Any], response: httpx.Response, body: bytes, reason: str, settings: Settings
) -> GroqResponseError:
    return GroqResponseError(
        f"{call} returned {response.status_code}, but the body is not Groq's "
        f"({_said(reason, settings)}). It is {_described(response, body, settings)}. "
        "Check for a proxy in between, and the base URL (host) of the connection."
    )


def _api_error(call: Call[Any], response: httpx.Response, body: bytes, settings: Settings) -> GroqAPIError:
    status = response.status_code
    details = _error_details(body)
    message = _said(details.get("message") or "", settings, longest=MAX_MESSAGE)
    longest = MAX_MESSAGE if response.headers.get("content-type", "").startswith("text/plain") else MAX_BEGINNING
    message = message or f"not a Groq error body, but {_described(response, body, settings, longest=longest)}"
    code = _said(details.get("code") or "", settings)
    advice = _advice(call, status, settings)
    text = f"{call} returned {status}{f' {code}' if code else ''}: {message.rstrip('. ')}. {advice}".rstrip()
    return API_ERRORS.get(status, GroqAPIError)(
        text,
        status_code=status,
        type=_said(details.get("type") or "", settings),
        code=code,
        retry_after=read_retry_after(response.headers.get("retry-after")),
    )


def _advice(call: Call[Any], status: int, settings: Settings) -> str:
    """What the reader can do about an error."""
    if status == HTTPStatus.UNAUTHORIZED:
        return f"Check the API key (password) of {settings.origin}."
    if status == HTTPStatus.FORBIDDEN:
        return (
            f"Check that the plan of the key of {settings.origin} includes the Batch API, and that the batch or "
            "file belongs to the same account."
        )
    if status == HTTPStatus.NOT_FOUND and call.names_one:
        return f"Check the id, and that the key of {settings.origin} belongs to the account that created it."
    return f"Check the base URL (host) of {settings.origin}." if status == HTTPStatus.NOT_FOUND else ""


def _error_details(body: bytes) -> dict[str, str]:
    """Message, code and type of Groq's ``error`` object, or what a gateway sends in its place."""
    try:
        value = None if is_too_wide(body) else json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = list(islice(reasons(value), MAX_REASONS)) if isinstance(value, dict | list | str) else []
    details = {"message": "; ".join(dict.fromkeys(reason["message"] for reason in found if reason["message"]))}
    for name in ("code", "type"):
        details[name] = next((as_text(reason[name]) for reason in found if reason.get(name)), "")
    return details


def _described(response: httpx.Response, body: bytes, settings: Settings, *, longest: int = MAX_BEGINNING) -> str:
    kind = _said(response.headers.get("content-type", "of no type").split(";")[0], settings)
    head = body[: 5 * longest]
    text = settings.without_secrets(" ".join(head.decode("utf-8", "replace").split()))
    if len(head) < len(body):  # in the middle of a secret, perhaps
        text = text[: -len(settings.secrets[0])]
    return f"{kind}, {len(body):,} bytes" + (f", beginning {text[:longest]!r}" if text else "")


def _said(what: object, settings: Settings, *, longest: int = MAX_WORD) -> str:
    """What a server said, or a library of it, as it may be shown."""
    return one_line(settings.without_secrets(str(what)), longest)
