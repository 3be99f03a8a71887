"""How a wait ended: made where Groq is polled, read where the task goes on, JSON in between."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_groq.api.calls import first_problem
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.exceptions import GroqInputError

MAX_ERRORS, MAX_ERROR_CHARS = 20, 500
"""How many of a batch's errors travel with an event, and how much of each: a rejected file can have one a line."""


class WaitEnd(BaseModel):
    """How the wait for one batch ended.

    Attributes:
        batch_id: The batch.
        reason: ``terminal``: the batch has ended. ``timeout``: the deadline passed first.
            ``unknown``: Groq refuses to say how the batch stands.
        batch: The batch, if it has ended.
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
        """The event as plain JSON, kept small: only what differs from the defaults, and few errors."""
        ends = [end.model_copy(update={"batch": end.batch and with_few_errors(end.batch)}) for end in self.ends]
        return BatchEvent(ends=tuple(ends)).model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """The event that `payload` was made of.

        Raises:
            GroqInputError: It was made of none.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            raise GroqInputError(
                f"The event that ended the wait cannot be read ({first_problem(error)}). Do worker and "
                "triggerer run the same version of airflow-provider-groq? The batch is as it was."
            ) from None


def with_few_errors(batch: Batch) -> Batch:
    """The batch with no more than its first `MAX_ERRORS` errors, each cut short."""
    errors = [
        error.model_copy(update={"message": error.message and error.message[:MAX_ERROR_CHARS]})
        for error in batch.errors[:MAX_ERRORS]
    ]
    return batch.model_copy(update={"errors": tuple(errors)})
