"""An answer as it is read: of a job, or of a batch that was downloaded."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_groq.jobs.records import Error, Status


class Answer(msgspec.Struct, gc=False):
    """The outcome of a row of a job, or of a request of a download.

    Attributes:
        custom_id: The row's own, or ``row-<index>``.
        status: ``succeeded``, ``failed``, ``expired``, ``cancelled``, ``missing``, ``invalid_output`` or ``not_sent``.
        output: The text of the answer, or the validated object; raw text for ``invalid_output``; None if there is none.
        error: Why there is no output, or why it is invalid: with ``code``, ``status`` and ``message``.
        model: The model that answered.
        finish_reason: Why the model stopped; ``length`` means that the answer is cut off.
        usage: The tokens, as Groq counts them.
        reasoning: The model's reasoning, if it returned any.
        tool_calls: The model's tool calls, if any.
        index: The number of the row, from 0; None for a download.
        round: The round of the answer, from 1; None for a download.
        batch_id: The batch of the answer; None if unknown.
        request_digest: The same for equal requests; None for a download.
        input: The carried columns.
        reused_from: The output that the answer was reused from, as ``reuse`` named it; otherwise None.
        same_as: The ``custom_id`` of the equal row that was sent instead (``dedupe``); otherwise None.
        sent_as: The ``custom_id`` at Groq, if the answer was another row's before a clear or in a reused output;
            otherwise None.
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
    sent_as: str | None = None
