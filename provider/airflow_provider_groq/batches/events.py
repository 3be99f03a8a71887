"""How a wait ended: made where Groq is polled, read where the task goes on, JSON in between."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from airflow_provider_groq.api.models import Batch

MAX_ERRORS = 20
"""How many of a batch's errors travel with an event: a rejected file can have one a line."""


class WaitEnd(BaseModel):
    """How the wait for one batch ended.

    Attributes:
        batch_id: The batch.
        reason: ``terminal``: the batch has ended. ``timeout``: the deadline passed first.
            ``unknown``: Groq refuses to say how the batch stands.
        batch: The batch as last seen, if it was.
        message: What went wrong while waiting, for ``timeout`` and ``unknown``.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    batch_id: str
    reason: Literal["terminal", "timeout", "unknown"]
    batch: Batch | None = None
    message: str = ""


class BatchEvent(BaseModel):
    """What a trigger tells its task: the end of each wait, in the order of the batch ids."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    ends: tuple[WaitEnd, ...]

    def payload(self) -> dict[str, Any]:
        """The event as plain JSON, kept small: only what a batch has, and its first `MAX_ERRORS` errors."""
        return {
            "ends": [
                end.model_dump(mode="json", exclude_defaults=True) | _batch_payload(end.batch) for end in self.ends
            ]
        }

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """The event that `payload` was made of."""
        return cls.model_validate(payload)


def batch_payload(batch: Batch) -> dict[str, Any]:
    """A batch as plain JSON, for an event or XCom: what it has, and its first `MAX_ERRORS` errors."""
    payload = batch.model_dump(mode="json", exclude_defaults=True)
    if len(batch.errors) > MAX_ERRORS:
        payload["errors"] = payload["errors"][:MAX_ERRORS]
    return payload


def _batch_payload(batch: Batch | None) -> dict[str, Any]:
    return {"batch": batch_payload(batch)} if batch else {}
