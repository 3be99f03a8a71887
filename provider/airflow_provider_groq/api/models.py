"""What Groq's Files and Batch API sends.

Fields and their forms are those of https://console.groq.com/docs/api-reference (batches, files).
Where Groq's schema and its examples disagree, or an OpenAI-compatible gateway is known to differ,
the models read both: nulls, missing keys, empty ids, unknown keys, unknown statuses, times as text.
Of a batch only id and status must be readable, of a file or a model only its id.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AliasPath, BeforeValidator, FailFast, Field, ValidationError

from airflow_provider_groq.api import forms
from airflow_provider_groq.api.reasons import reasons
from airflow_provider_groq.api.text import LARGEST, SMALLEST, as_text, one_line
from airflow_provider_groq.api.tolerant import Model, Otherwise, Tolerant

MAX_ID_CHARS = 1_024
"""Of an id. Groq's have thirty; gateways that put a whole route into one make them of hundreds."""

MAX_STATUS_CHARS = 256

MAX_REASON_CHARS = 10_000

MAX_ERRORS = 50_000
"""How many errors of a batch are read: as many as its input can have lines."""

MAX_ITEMS = 50_000
"""How many items a page may have: read, the smallest take fifty times as much memory as sent."""


class BatchStatus(StrEnum):
    """The statuses that Groq documents. A batch may carry another one, see `Batch.status`."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL = frozenset({BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED})


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _cursor(value: Any) -> Any:
    return _none_if_empty(value) if isinstance(value, str) else forms.id_text(value) or value


def _error_list(value: Any) -> Any:
    """``errors`` in any shape as a list of objects; in a tuple they are read already."""
    return value if isinstance(value, tuple) else list(islice(reasons(value), MAX_ERRORS))


def _text(value: Any) -> Any:
    return value if value is None else one_line(as_text(value), MAX_REASON_CHARS)


def _counts(value: Any) -> Any:
    try:
        return RequestCounts.model_validate(forms.from_text(value))
    except ValidationError:
        return None


def _if_null(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has characters that cannot be printed")
    return value


PRINTABLE = AfterValidator(_printable)
"""Of an id or a status: it goes into addresses, logs and XCom, and must not write lines of its own there."""
KnownId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS), PRINTABLE]
Status = Annotated[str, Field(min_length=1, max_length=MAX_STATUS_CHARS), PRINTABLE]
Id = Annotated[KnownId | None, BeforeValidator(_none_if_empty), Otherwise(forms.id_text)]
Whole = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
"""A whole number that can be calculated with, and written."""
Natural = Annotated[int, Field(ge=0, le=LARGEST)]
Time = Annotated[Whole | None, Otherwise(forms.seconds)]
Reason = Annotated[str | None, BeforeValidator(_text)]
"""Text for people, as which some gateways send a number."""
Count = Annotated[Natural, _if_null(0)]
Label = Annotated[str, _if_null("")]


class BatchError(Tolerant):
    """Why Groq rejected an input file, or one line of it."""

    code: Reason = None
    message: Reason = None
    param: Reason = None
    line: Whole | None = None


class RequestCounts(Model):
    """How many requests a batch has, and how many of them have succeeded and failed."""

    total: Count = 0
    completed: Count = 0
    failed: Count = 0

    @property
    def done(self) -> int:
        """How many requests have an answer or an error."""
        return self.completed + self.failed


class Batch(Tolerant):
    """A batch. Times are Unix seconds; counts with a total of 0 are unknown."""

    id: KnownId
    status: Status
    """One of `BatchStatus`, or any other status of the server."""
    created_at: Annotated[int | None, Field(gt=0, le=LARGEST), Otherwise(forms.seconds)] = None
    """None if the server sends no readable time, or 0."""
    endpoint: Label = ""
    input_file_id: Id = None
    completion_window: Reason = None
    output_file_id: Id = None
    error_file_id: Id = None
    errors: Annotated[tuple[BatchError, ...], FailFast(), BeforeValidator(_error_list)] = ()
    metadata: Annotated[dict[str, str], BeforeValidator(forms.texts), Otherwise(forms.metadata, whole=False)] = Field(
        default_factory=dict
    )
    request_counts: Annotated[RequestCounts, _if_null({}), Otherwise(_counts)] = RequestCounts()
    in_progress_at: Time = None
    finalizing_at: Time = None
    completed_at: Time = None
    failed_at: Time = None
    expires_at: Time = None
    expired_at: Time = None
    cancelling_at: Time = None
    cancelled_at: Time = None

    @property
    def terminal(self) -> bool:
        """Whether the batch has ended, well or not."""
        return self.status in TERMINAL


class File(Tolerant):
    """A file at Groq: an uploaded input (purpose ``batch``) or a result (``batch_output``)."""

    id: KnownId
    bytes: Count = 0
    created_at: Annotated[Count, Otherwise(forms.seconds)] = 0
    filename: Label = ""
    purpose: Label = ""


class DeletedFile(Model):
    """The answer to a deletion."""

    id: KnownId
    deleted: bool


class LanguageModel(Tolerant):
    """A model that the key may use."""

    id: KnownId


T = TypeVar("T", bound=Model)


class Page(Model, Generic[T]):
    """One page of a listing."""

    data: Annotated[tuple[T, ...], FailFast(), Field(max_length=MAX_ITEMS), _if_null(())]
    left_out: tuple[Any, ...] = ()
    """Items that cannot be read, as they came."""
    next_cursor: Annotated[str | None, BeforeValidator(_cursor)] = Field(
        default=None, validation_alias=AliasPath("paging", "next_cursor")
    )
    """Where the next page begins; None on the last one."""
    has_more: Annotated[bool, _if_null(default=False)] = False
    """Sent instead by gateways that page as OpenAI does, by the last id."""
