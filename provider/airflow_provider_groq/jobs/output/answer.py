"""An answer as it is read: of a job, or of a batch that was downloaded."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_groq.jobs.records import Error, Status


class Answer(msgspec.Struct, gc=False):
    """What became of a row, or of a request.

    Attributes:
        custom_id: The row's own, or ``row-<index>``.
        status: ``succeeded``, ``failed``, ``expired``, ``cancelled``, ``missing``, ``invalid_output`` or ``not_sent``.
        output: The text of the answer, or the validated object; raw text for ``invalid_output``; None without any.
        error: Why there is no output, or why it is invalid: with ``code``, ``status`` and ``message``.
        model: The model that answered.
        finish_reason: Why the model stopped; ``length`` means that the answer is cut off.
        usage: The tokens, as Groq counts them.
        reasoning: The model's reasoning, where it gave it.
        tool_calls: The tools that the model calls, where it does.
        index: The number of the row, from 0; None where no job made the requests.
        round: The round that the answer is of, from 1; None likewise.
        batch_id: The batch that the answer is of; None if that is not known.
        request_digest: The same for rows that ask the same; None where no job made the requests.
        input: The columns that were carried through.
        reused_from: The output that the answer was reused from, as ``reuse`` named it; None if it was not reused.
        same_as: The ``custom_id`` of the row that was sent, if this one was not, since it asks the same; else None.
    """

    custom_id: str
    status: Status
    output: Any = None
    error: Error | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    reasoning: str | None = None
    tool_calls: Any = None
    index: int | None = None
    round: int | None = None
    batch_id: str | None = None
    request_digest: str | None = None
    input: Any = None
    reused_from: str | None = None
    same_as: str | None = None
