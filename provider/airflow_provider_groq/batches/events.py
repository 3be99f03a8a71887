"""How a wait ended: created where Groq is polled, read where the task resumes, JSON in between."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_groq.api.decoding import first_problem
from airflow_provider_groq.api.models import Batch, BatchError, RequestCounts
from airflow_provider_groq.api.text import plain
from airflow_provider_groq.exceptions import GroqInputError

MAX_ERRORS, MAX_ERROR_CHARS = 20, 500
"""How many of a batch's errors travel with an event, and how much of each: a rejected file can have one a line."""

MAX_METADATA_CHARS = 16_000
"""How much metadata travels; Groq takes 16 keys of 64 characters, with 512 each."""

MAX_UNKNOWN_CHARS = 2_000
"""How much of the fields that are not known here travels, as JSON, of a batch and of its counts."""

MAX_EVENT_CHARS = 100_000
"""How long an event about batches that nobody waits for may be, as JSON."""

E = TypeVar("E", bound=BaseModel)


class WaitEnd(BaseModel):
    """How the wait for one batch ended.

    Attributes:
        batch_id: The batch.
        reason: ``terminal``: the batch has ended. ``timeout``: the deadline passed first.
            ``unknown``: Groq refuses to return the batch.
        batch: The batch, if it has ended.
        message: What went wrong while waiting, for ``timeout`` and ``unknown``.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    batch_id: str
    reason: Literal["terminal", "timeout", "unknown"]
    batch: Batch | None = None
    message: str = ""


class BatchEvent(BaseModel):
    """A trigger's event: the end of each wait, in the order of the batch ids."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    ends: tuple[WaitEnd, ...]

    def payload(self) -> dict[str, Any]:
        """The event as plain JSON, without default values, and bounded in size."""
        ends = [end.model_copy(update={"batch": end.batch and shortened(end.batch)}) for end in self.ends]
        return BatchEvent(ends=tuple(ends)).model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def of_ended(cls, batches: Iterable[Batch]) -> tuple[dict[str, Any], int]:
        """Make the payload for batches that have ended: for the first ones, as many as fit into `MAX_EVENT_CHARS`.

        A batch that is too long by itself goes without its metadata and errors.

        Returns:
            The payload, and the number of batches in it.
        """
        ends: list[dict[str, Any]] = []
        chars = len('{"ends": []}')
        for batch in batches:
            end = _ended(batch)
            if (size := len(json.dumps(end))) > MAX_EVENT_CHARS // 2:
                end = _ended(batch.model_copy(update={"metadata": {}, "errors": ()}))
                size = len(json.dumps(end))
            if ends and chars + size + 2 > MAX_EVENT_CHARS:
                break
            ends.append(end)
            chars += size + 2
        return {"ends": ends}, len(ends)

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """Read an event from its `payload`.

        Raises:
            GroqInputError: The payload is not such an event.
        """
        return _read(cls, payload)


class BriefEnd(BaseModel):
    """How the waits for some batches ended that have ended alike.

    Attributes:
        reason: As in `WaitEnd`.
        status: The status that the batches have ended with; "" if they have not ended.
        message: What went wrong, for the first of them.
        batch_ids: The batches.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    reason: Literal["terminal", "timeout", "unknown"]
    status: str = ""
    message: str = ""
    batch_ids: tuple[str, ...]


class BriefEvent(BaseModel):
    """What a trigger reports to a task that waits for hundreds of batches: ids, reasons and statuses."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    brief: tuple[BriefEnd, ...]

    @classmethod
    def of(cls, ends: Iterable[WaitEnd]) -> Self:
        """The event of these ends."""
        alike: dict[tuple[Any, str], list[WaitEnd]] = {}
        for end in ends:
            alike.setdefault((end.reason, end.batch.status if end.batch else ""), []).append(end)
        return cls(
            brief=tuple(
                BriefEnd(
                    reason=reason,
                    status=status,
                    message=same[0].message[:MAX_ERROR_CHARS],
                    batch_ids=tuple(end.batch_id for end in same),
                )
                for (reason, status), same in alike.items()
            )
        )

    def payload(self) -> dict[str, Any]:
        """The event as plain JSON."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """Read an event from its `payload`.

        Raises:
            GroqInputError: The payload is not such an event.
        """
        return _read(cls, payload)


def _ended(batch: Batch) -> dict[str, Any]:
    event = BatchEvent(ends=(WaitEnd(batch_id=batch.id, reason="terminal", batch=batch),))
    end: dict[str, Any] = event.payload()["ends"][0]
    return end


def _read(kind: type[E], payload: dict[str, Any]) -> E:
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        raise GroqInputError(
            f"The event that ended the wait cannot be read ({first_problem(error)}). Do worker and "
            "triggerer run the same version of airflow-provider-groq? The batch is unchanged."
        ) from None


def shortened(batch: Batch) -> Batch:
    """The batch as it may go into an event or XCom, whatever the server has put into it.

    It has no more than its first `MAX_ERRORS` errors, each cut short, and as many pairs of metadata and unknown
    fields as there is room for.
    """
    known = {name: getattr(batch, name) for name in Batch.model_fields}
    known["errors"] = tuple(
        BatchError(code=_cut(error.code), message=_cut(error.message), param=_cut(error.param), line=error.line)
        for error in batch.errors[:MAX_ERRORS]
    )
    counts = batch.request_counts
    known["request_counts"] = RequestCounts.model_validate(
        _unknown(counts) | {name: getattr(counts, name) for name in RequestCounts.model_fields}
    )
    known["endpoint"] = plain(batch.endpoint[:MAX_ERROR_CHARS])
    known["completion_window"] = _cut(batch.completion_window)
    known["metadata"] = _fitting(batch.metadata, MAX_METADATA_CHARS)
    return Batch.model_validate(_unknown(batch) | known)


def _unknown(model: BaseModel) -> dict[str, Any]:
    return _fitting(model.model_extra or {}, MAX_UNKNOWN_CHARS)


def _cut(text: str | None) -> str | None:
    return text and text[:MAX_ERROR_CHARS]


def _fitting(fields: Mapping[str, Any], chars: int) -> dict[str, Any]:
    """The fields that fit into so many characters, as JSON that everybody can read."""
    fitting: dict[str, Any] = {}
    for name, value in fields.items():
        read = plain({name: value})
        size = len(json.dumps(read, ensure_ascii=False))
        if size <= chars:
            chars -= size
            fitting |= read
    return fitting
