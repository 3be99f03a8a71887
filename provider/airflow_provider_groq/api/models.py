"""What Groq's Files and Batch API sends.

Fields and their forms are those of https://console.groq.com/docs/api-reference (batches, files).
Where Groq's schema and its examples disagree, or an OpenAI-compatible gateway is known to differ,
the models read both: nulls, missing keys, empty ids, unknown keys, unknown statuses.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from airflow_provider_groq.api.text import one_line

MAX_ID_CHARS = 256
"""Of an id or a status; Groq's have thirty. Two hundred ids must fit into an address."""

MAX_REASON_CHARS = 10_000


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


class Model(BaseModel):
    """Base of what Groq sends: immutable, and unknown fields are kept."""

    # Built when first used: the file of a Dag that only names an operator should not wait for it.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _error_list(value: Any) -> Any:
    """Read both shapes of ``errors``: the list object of the SDK and the bare list of the documentation."""
    if isinstance(value, dict):
        value = value.get("data")
    return value or []


def _text(value: Any) -> Any:
    return value if value is None else one_line(str(value), MAX_REASON_CHARS)


def _texts(value: Any) -> Any:
    """Metadata as text: what others put there, be it a number, must not make a whole listing unreadable."""
    if not isinstance(value, dict):
        return value or {}
    return {key: text if isinstance(text, str) else json.dumps(text) for key, text in value.items()}


def _if_null(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has characters that cannot be printed")
    return value


Word = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS), AfterValidator(_printable)]
"""An id or a status: it goes into addresses, logs and XCom, and must not write lines of its own there."""
Id = Annotated[Word | None, BeforeValidator(_none_if_empty)]
Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A whole number that can be calculated with, and written."""
Time = Whole | None
Reason = Annotated[str | None, BeforeValidator(_text)]
"""Text for people, as which some gateways send a number."""
Count = Annotated[Whole, _if_null(0)]
Label = Annotated[str, _if_null("")]


class BatchError(Model):
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
        """How many have an answer or an error."""
        return self.completed + self.failed


class Batch(Model):
    """A batch. Times are Unix seconds."""

    id: Word
    status: Word
    """One of `BatchStatus`, or whatever else the server says."""
    created_at: Whole
    endpoint: Label = ""
    input_file_id: Id = None
    completion_window: Reason = None
    output_file_id: Id = None
    error_file_id: Id = None
    errors: Annotated[tuple[BatchError, ...], FailFast(), BeforeValidator(_error_list)] = ()
    metadata: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=dict)
    request_counts: Annotated[RequestCounts, _if_null({})] = RequestCounts()
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


class File(Model):
    """A file at Groq: an uploaded input (purpose ``batch``) or a result (``batch_output``)."""

    id: Word
    bytes: Count = 0
    created_at: Count = 0
    filename: Label = ""
    purpose: Label = ""


class DeletedFile(Model):
    """The answer to a deletion."""

    id: Word
    deleted: bool


class LanguageModel(Model):
    """A model that the key may use."""

    id: Word


T = TypeVar("T", bound=Model)


class Page(Model, Generic[T]):
    """One page of a listing."""

    data: Annotated[tuple[T, ...], FailFast(), _if_null(())]
    next_cursor: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, validation_alias=AliasPath("paging", "next_cursor")
    )
    """Where the next page begins; None on the last one."""
    has_more: Annotated[bool, _if_null(default=False)] = False
    """Said instead by gateways that page as OpenAI does, by the last id."""
