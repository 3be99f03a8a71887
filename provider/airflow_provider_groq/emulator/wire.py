"""JSON over HTTP: bodies in, answers and Groq's errors out."""

import json
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.json_lines import dump

MAX_JSON_BYTES = 1 << 20


class ApiError(Exception):
    """An error that Groq answers with, in the body it uses for all of them.

    Args:
        status: The HTTP status code.
        message: What went wrong, for people.
        code: What went wrong, for programs; left out of the body when None.
        param: The parameter at fault; left out when None.
        kind: Groq's `type` of error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, code, param, kind)


class JsonResponse(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return the body."""
        return dump(content)


class ContentResponse(FileResponse):
    """The bytes of a file, in parts that are few and still small."""

    chunk_size = 1 << 18

    def __init__(self, path: Path) -> None:
        super().__init__(path, media_type="application/octet-stream")


async def read_object(request: Request, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Return the JSON object in the request's body.

    Raises:
        ApiError: It is larger than any such request has reason to be, no JSON, or no object.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ApiError(413, "Request Entity Too Large", "request_too_large")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object")
    return value


def api_error_response(_request: Request, error: Exception) -> Response:
    """Answer with an ApiError."""
    if not isinstance(error, ApiError):
        raise error
    return JsonResponse(error.body, error.status)


def http_error_response(request: Request, error: Exception) -> Response:
    """Answer as Groq does where Starlette itself refuses a request (unknown path, broken form)."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in (404, 405):
        message = (
            f"Unknown request URL: {request.method} {request.url.path}. Please check the URL for typos, "
            "or see the docs at https://console.groq.com/docs/"
        )
        return JsonResponse(error_body(message, "unknown_url"), 404)
    return JsonResponse(error_body(error.detail), error.status_code)


def gone_response(_request: Request, _error: Exception) -> Response:
    """Answer a client that has disconnected: the answer is not read, and it is not a crash."""
    return Response(status_code=400)


def crash_response(_request: Request, error: Exception) -> Response:
    """Answer to a bug of the emulator itself; Starlette raises the exception again for the log."""
    return JsonResponse(error_body(f"The emulator failed: {error!r}", kind="internal_server_error"), 500)
