"""How an answer is read: a value of the call's type, or the right error."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from airflow_provider_groq.api.bodies import MAX_VALUES, is_too_wide
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.retry import read_retry_after
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqConnectionError,
    GroqError,
    GroqResponseError,
    GroqTransportError,
)

T = TypeVar("T")

MAX_MESSAGE = 2_000
"""How much of a server's error message is kept, in characters: some echo the whole request."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def read(call: Call[T], response: httpx.Response, body: bytes, settings: Settings) -> T:
    """The value that an answer carries.

    Raises:
        GroqAPIError: Groq answered with an error.
        GroqConnectionError: It leads elsewhere.
        GroqResponseError: It is not Groq's.
    """
    if response.has_redirect_location:
        location = settings.without_key(response.headers["location"])
        raise GroqConnectionError(
            f"{call} was answered with a redirect to {location!r}. Redirects are not followed, since the key must not "
            f"go elsewhere: set the base URL (host) of {settings.origin} right."
        )
    if not response.is_success:
        raise _api_error(call, response, body, settings)
    if call.raw and is_page(response):
        raise _not_groqs(call, response, body, "a page, no file", settings)
    if not call.raw and is_too_wide(body):
        raise _not_groqs(call, response, body, f"it has more than {MAX_VALUES:,} values", settings)
    try:
        return call.answer(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _not_groqs(call, response, body, f"{where + ': ' if where else ''}{first['msg']}", settings) from None


def is_page(response: httpx.Response) -> bool:
    """Whether a web page came: Groq sends none, but a proxy may, with status 200."""
    return str(response.headers.get("content-type", "")).startswith("text/html")


def transport_error(call: Call[Any], error: Exception) -> GroqError:
    """The error for a request that got no whole answer."""
    sent = not isinstance(error, NOT_SENT)
    what = "got no whole answer" if sent else "could not be sent"
    return GroqTransportError(f"{call} {what}: {type(error).__name__}: {error or 'no details'}.", sent=sent)


def _not_groqs(
    call: Call[Any], response: httpx.Response, body: bytes, reason: str, settings: Settings
) -> GroqResponseError:
    return GroqResponseError(
        f"{call} was answered with {response.status_code}, but the body is not Groq's "
        f"({settings.without_key(reason)}). It is {_described(response, body, settings)}. "
        "Is a proxy in between, or the base URL (host) of the connection another server's?"
    )


def _api_error(call: Call[Any], response: httpx.Response, body: bytes, settings: Settings) -> GroqAPIError:
    status = response.status_code
    details = _error_details(body)
    message = settings.without_key(str(details.get("message") or ""))[:MAX_MESSAGE]
    message = message or f"no Groq error body, but {_described(response, body, settings)}"
    code = settings.without_key(str(details.get("code") or ""))
    advice = _advice(call, status, settings)
    text = f"{call} was answered with {status}{f' {code}' if code else ''}: {message.rstrip('. ')}. {advice}".rstrip()
    return API_ERRORS.get(status, GroqAPIError)(
        text,
        status_code=status,
        type=settings.without_key(str(details.get("type") or "")),
        code=code,
        retry_after=read_retry_after(response.headers.get("retry-after")),
    )


def _advice(call: Call[Any], status: int, settings: Settings) -> str:
    """What the reader can do about an error."""
    if status == HTTPStatus.UNAUTHORIZED:
        return f"Check the API key (password) of {settings.origin}."
    if status == HTTPStatus.FORBIDDEN:
        return (
            f"Check for the key of {settings.origin} that its plan includes the Batch API, and that the batch or "
            "file is of the same account."
        )
    if status == HTTPStatus.NOT_FOUND and call.names_one:
        return f"Check the id, and for {settings.origin} that its key is of the account that made it."
    return f"Check the base URL (host) of {settings.origin}." if status == HTTPStatus.NOT_FOUND else ""


def _error_details(body: bytes) -> dict[str, Any]:
    """Groq's ``error`` object, or what a gateway sends in its place."""
    try:
        value = None if is_too_wide(body) else json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    error = value.get("error")
    if isinstance(error, dict):
        return error
    message = error or value.get("message") or value.get("detail")
    return {"message": message if isinstance(message, str) else json.dumps(message)} if message else {}


def _described(response: httpx.Response, body: bytes, settings: Settings) -> str:
    kind = response.headers.get("content-type", "of no type").split(";")[0]
    text = settings.without_key(" ".join(body[:400].decode("utf-8", "replace").split()))
    return f"{kind}, {len(body):,} bytes" + (f", beginning {text[:80]!r}" if text else "")
