"""Groq's error body."""

from typing import Any


def error_body(
    message: str, code: str | None = None, param: str | None = None, kind: str = "invalid_request_error"
) -> dict[str, Any]:
    """Return Groq's error body; only `message` and `type` are always there."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return {"error": {name: value for name, value in error.items() if value is not None}}
