"""What a row becomes on its way: a request, the record that is kept of it, an answer."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

MESSAGE_CHARS = 300

NOTHING = msgspec.Raw(b"null")

Status: TypeAlias = Literal["succeeded", "failed", "expired", "cancelled", "missing", "invalid_output", "not_sent"]


class Request(NamedTuple):
    """The request that is made of a row.

    Attributes:
        custom_id: What tells it from the others.
        line: Its line in a batch's input file, with the line's end.
        digest: The same for each request that differs only in its ``custom_id``.
        model: The model that it names.
        input: The columns that are carried through to the answer, as JSON; None if there are none.
        sent: The digest of the request that is sent, if it differs from the row's.
    """

    custom_id: str
    line: bytes
    digest: str
    model: str
    input: bytes | None
    sent: str = ""


class RowRecord(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What is kept of a row beside its request; a line of ``rows.jsonl``.

    Attributes:
        index: The number of the row, from 0.
        custom_id: As in its request.
        digest: Likewise.
        input: The carried columns, as JSON; ``null`` if there are none.
    """

    index: int
    custom_id: str
    digest: str
    input: msgspec.Raw


class InvalidOutput(ValueError):  # noqa: N818 - named as the status that it leads to
    """An answer's text does not fit the type asked for; the message says where and why, in short."""

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= MESSAGE_CHARS else f"{message[: MESSAGE_CHARS - 3]}...")


class Error(msgspec.Struct, gc=False):
    """Why a row has no output.

    Attributes:
        code: Groq's code, such as ``json_validate_failed``.
        status: The HTTP status of the request, if it had one.
        message: What went wrong.
    """

    code: str | None
    status: int | None
    message: str | None


class Answer(msgspec.Struct, gc=False, omit_defaults=False):
    """The outcome of a row: a line of the output.

    Attributes:
        custom_id: The row's own, or ``row-<index>``.
        index: The number of the row, from 0.
        status: What became of it.
        output: The text of the answer, or the validated object; raw text for ``invalid_output``; None if there is none.
        error: Why there is no output, or why it is invalid.
        model: The model that answered.
        finish_reason: Why the model stopped; ``length`` means that the answer is cut off.
        usage: The tokens, as Groq counts them, as JSON; `NOTHING` without any.
        round: The round that the answer is of, from 1.
        batch_id: The batch that the answer is of.
        request_digest: As in `Request`.
        input: The carried columns.
        reasoning: The model's reasoning, if it returned any.
        tool_calls: The model's tool calls, if any.
        reused_from: The output that it was reused from, where it was.
        same_as: The ``custom_id`` of the row that was sent, where this one was not, since it asks the same.
        sent_as: The ``custom_id`` that was sent, where the answer was another row's before a clear, or in another job.
    """

    custom_id: str
    index: int
    status: Status
    output: Any
    error: Error | None
    model: str | None
    finish_reason: str | None
    usage: msgspec.Raw
    round: int
    batch_id: str | None
    request_digest: str
    input: msgspec.Raw
    reasoning: str | msgspec.UnsetType | None = msgspec.UNSET
    tool_calls: Any | msgspec.UnsetType = msgspec.UNSET
    reused_from: str | msgspec.UnsetType = msgspec.UNSET
    same_as: str | msgspec.UnsetType = msgspec.UNSET
    sent_as: str | msgspec.UnsetType = msgspec.UNSET
