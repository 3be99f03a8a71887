"""What the page says when Groq cannot be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException

from airflow_provider_groq.compat import AirflowNotFoundException
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqConnectionError,
    GroqError,
    GroqInputError,
    GroqNotFoundError,
    GroqTransportError,
)
from airflow_provider_groq.ui.rights import Rights

NO_CONNECTION = (
    "The API server has no usable connection of type groq with this id. If it is in the environment or in "
    "a secrets backend, the API server needs it too."
)
NO_WAY_OUT = "The API server calls Groq itself. Check that its network allows this."

BRIEFLY: tuple[tuple[type[Exception], int, str], ...] = (
    (AirflowNotFoundException, 404, NO_CONNECTION),
    (GroqConnectionError, 404, NO_CONNECTION),
    (TimeoutError, 504, f"Groq has not answered in time. {NO_WAY_OUT}"),
    (GroqTransportError, 502, f"Groq cannot be reached. {NO_WAY_OUT}"),
    (GroqError, 502, "Groq's answer cannot be read."),
)
"""What is said of which error, the first that fits; an answer of Groq's has its status told."""


@asynccontextmanager
async def told(rights: Rights, *, of_batch: bool = False) -> AsyncIterator[None]:
    """Turn an error into an answer for the page.

    Details, such as the address of a gateway, are for those who may see the connection.

    Args:
        rights: Those of the user.
        of_batch: Whether Groq is asked for one batch, which it may not know.

    Raises:
        HTTPException: Something went wrong.
    """
    try:
        yield
    except (AirflowNotFoundException, GroqError, TimeoutError) as error:
        status, brief = _brief(error, of_batch=of_batch)
        raise HTTPException(status, {"problem": brief, "detail": await _detail(error, rights)}) from None


async def problem_of(error: GroqError, rights: Rights) -> dict[str, str]:
    """The same for an error that did not keep all from being done."""
    return {"problem": _brief(error, of_batch=True)[1], "detail": await _detail(error, rights)}


async def _detail(error: Exception, rights: Rights) -> str:
    return str(error) if isinstance(error, GroqError) and await rights.sees_connection() else ""


def _brief(error: Exception, *, of_batch: bool) -> tuple[int, str]:
    """A status and a text that anybody may read."""
    if of_batch and isinstance(error, GroqNotFoundError):
        return 404, "Groq does not know this batch."
    if isinstance(error, GroqAPIError):
        return 502, f"Groq answered with status {error.status_code}."
    if isinstance(error, GroqInputError):
        return 400, str(error)
    return next((status, text) for kind, status, text in BRIEFLY if isinstance(error, kind))
