"""What became of a request, read from its line of a batch's output or error file."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple, Protocol, cast

import msgspec
from msgspec.structs import replace

from airflow_provider_groq.api.text import without_surrogates
from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.outcome import TRANSIENT_CODES
from airflow_provider_groq.batches.result_line import kind, read_row, reason_of
from airflow_provider_groq.exceptions import SERVER_ERRORS, TRANSIENT
from airflow_provider_groq.jobs.money.usage import Counts, counts_of_all
from airflow_provider_groq.jobs.records import NOTHING, Error, Status

CUT_OFF = "length"
"""Why the model stopped, where its answer came to the limit of its tokens."""

CAPACITY_EXCEEDED = 498
"""Groq's own status for a model that is overloaded."""

MODELS_FAULT = frozenset({"json_validate_failed", "invalid_output"})
"""Codes of answers that do not fit what was asked for, though nothing is wrong with the request."""

SENT_AGAIN = frozenset({"expired", "missing", "invalid_output"})
"""Outcomes of requests that are resent whatever their error."""

MAX_MESSAGE = 2_000
"""A longer message is cut: it is written for each row."""


class Outcome(msgspec.Struct, gc=False, frozen=True):
    """What became of a request. The fields are those of an `Answer`."""

    status: Status
    output: str | None = None
    error: Error | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = NOTHING
    reasoning: str | None = None
    tool_calls: Any = None


class Successes(NamedTuple):
    """What became of requests whose lines follow each other, all of which succeeded.

    Attributes:
        custom_ids: The id of each.
        outcomes: What became of each.
        counts: What each used, if it says so.
    """

    custom_ids: list[str]
    outcomes: list[Outcome]
    counts: list[Counts | None]


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Message
    finish_reason: str | None = None


class _Body(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    text: str | None = None
    model: str | None = None
    usage: msgspec.Raw = NOTHING


class _Response(msgspec.Struct, gc=False):
    status_code: Literal[200]
    body: _Body


class _Success(msgspec.Struct, gc=False):
    """A request that succeeded, as almost all do."""

    custom_id: str
    response: _Response
    error: None = None


_successes = Reader(_Success)
_usages = msgspec.json.Decoder(dict[str, Any] | None)


def successes_of(block: bytes) -> Successes | None:
    """What the lines of a block say; None unless all of them say that the request succeeded, and in the usual form."""
    found = None if b"\r" in block else _successes.read_block(block)  # it could stand within a usage
    if not found:
        return None
    counts = counts_of_all([success.response.body.usage for success in found])
    if counts is None:
        return None
    outcomes = []
    for success in found:
        outcome = _succeeded(success)
        if outcome is None:
            return None
        outcomes.append(outcome)
    return Successes([success.custom_id for success in found], outcomes, counts)


def outcome_of(line: bytes, *, read_before: bool = False) -> Outcome | None:
    """What became of the request of a line; None if it is no JSON object with a ``custom_id``.

    It succeeded only with status 200, a body and no error.

    Args:
        line: The line.
        read_before: Whether a `Reader` has read it already.
    """
    success = _successes.read_again(line) if read_before else _successes.read(line)
    outcome = None if success is None else _succeeded(success)
    if outcome is not None and (usage := _read_usage(outcome.usage)) is not None:
        return replace(outcome, usage=usage)
    row = read_row(line)
    return None if row is None else _judged(row)


def _succeeded(success: _Success) -> Outcome | None:
    """The content of its body; None if that is not an answer."""
    body = success.response.body
    if body.choices:
        choice = body.choices[0]
        message = choice.message
        return Outcome(
            "succeeded",
            message.content,
            None,
            body.model,
            choice.finish_reason,
            body.usage,
            message.reasoning,
            message.tool_calls,
        )
    return None if body.text is None else Outcome("succeeded", body.text, model=body.model, usage=body.usage)


def _read_usage(usage: msgspec.Raw) -> msgspec.Raw | None:
    """A usage, on one line; None if it has an unusual form."""
    try:
        read = _usages.decode(usage)
    except msgspec.MsgspecError:
        return None
    return _json(read) if b"\r" in bytes(usage) else usage


def _json(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _judged(row: dict[str, Any]) -> Outcome:
    """What became of the request of a row of any shape."""
    response = _dict(row.get("response"))
    body = _dict(response.get("body"))
    status = cast("Status", kind(row))
    choices = body.get("choices")
    choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
    message = _dict(choice.get("message"))
    outcome = Outcome(
        status,
        model=_text(body.get("model")),
        finish_reason=_text(choice.get("finish_reason")),
        usage=_json(_whole(_dict(body.get("usage")) or None)),
    )
    if status != "succeeded":
        return replace(outcome, error=_error(row))
    said = response["body"] if isinstance(response["body"], str) else message.get("content", body.get("text"))
    tool_calls = message.get("tool_calls")
    return replace(
        outcome,
        output=_text(said),
        reasoning=_text(message.get("reasoning")),
        tool_calls=_whole(tool_calls) if isinstance(tool_calls, list) else None,
    )


def _error(row: dict[str, Any]) -> Error:
    reason = reason_of(row)
    return Error(_text(reason.code), reason.status, _text(reason.message and reason.message[:MAX_MESSAGE]))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return without_surrogates(value) if isinstance(value, str) else None


def _whole(value: Any) -> Any:
    """A value of any depth, or None if that is too deep to be written."""
    try:
        return json.loads(without_surrogates(json.dumps(value, ensure_ascii=False)))
    except RecursionError:
        return None


class Ended(Protocol):
    """An answer, as far as needed to decide whether its row is resent."""

    @property
    def status(self) -> Status:
        """What became of the row."""

    @property
    def error(self) -> Error | None:
        """Why it has no output."""

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped."""


def is_cut_off(answer: Ended) -> bool:
    """Whether an answer ends where the limit of its tokens was."""
    return answer.finish_reason == CUT_OFF and answer.status in {"succeeded", "invalid_output"}


def is_good(answer: Ended) -> bool:
    """Whether a row has what was asked for: an answer that succeeded and is whole."""
    return answer.status == "succeeded" and not is_cut_off(answer)


def too_many_failed(failed: int, of: int, ratio: float) -> bool:
    """Whether more rows failed than may: 29 of 100 are 0.29 of them, though 0.29 times 100 is less than 29.

    Args:
        failed: How many failed.
        of: Of how many; one at least.
        ratio: The share that may.
    """
    return failed / of > ratio


def is_sent_again(answer: Ended, *, changed: bool) -> bool:
    """Whether the next round sends the row of an answer again.

    The code of its error decides, then the status. An answer that is cut off would be cut off again, so it is sent
    again only as another request.

    Args:
        answer: The answer that the row has.
        changed: Whether the next round's request of this row differs from the one that was answered so.
    """
    if is_cut_off(answer):
        return changed
    if answer.status in SENT_AGAIN:
        return True
    if answer.status != "failed" or answer.error is None:
        return False
    code = answer.error.code
    return code in MODELS_FAULT or is_transient(answer.error.status, code)


def is_transient(status: int | None, code: str | None) -> bool:
    """Whether a request failed for a cause that may be gone by the next round.

    Args:
        status: The HTTP status.
        code: The code of its error, which may be a status in digits.
    """
    if code in TRANSIENT_CODES:
        return True
    return _is_transient(status) or (code is not None and code.isdecimal() and _is_transient(int(code[:4])))


def _is_transient(status: int | None) -> bool:
    return status is not None and (status in TRANSIENT or status == CAPACITY_EXCEEDED or status >= SERVER_ERRORS)
