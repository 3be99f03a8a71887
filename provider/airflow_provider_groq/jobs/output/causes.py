"""Why rows failed: kinds of errors, counted, named, and with what to do about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.reasons import MAX_WORD, SHOWN, told
from airflow_provider_groq.batches.result_line import Reason
from airflow_provider_groq.jobs.output.advice import advice
from airflow_provider_groq.jobs.records import Error
from airflow_provider_groq.jobs.results.answer_lines import Head

MAX_CAUSES = 100
"""How many kinds of errors are told apart; what comes beyond counts under the code `OTHERS`."""

OTHERS = "others"
UNSAID = Error(None, None, None)
MAX_ID = 200
"""The longest ``custom_id`` that stands for a kind of error."""

SHARE_DIGITS = 6
"""Decimals of a share of the rows."""

_Key: TypeAlias = tuple[str, int | None, str | None]


class Causes:
    """Counts the errors of answers by kind."""

    def __init__(self) -> None:
        self._by_kind: dict[_Key, dict[str, Any]] = {}

    def add(self, head: Head) -> None:
        """Take an answer that did not succeed."""
        error = head.error or UNSAID
        key: _Key = (head.status, error.status, error.code)
        message = error.message
        if key not in self._by_kind and len(self._by_kind) >= MAX_CAUSES:
            key, message = (head.status, None, OTHERS), None
        known = self._by_kind.setdefault(key, _cause(key, message, head.custom_id))
        known["count"] += 1

    def listed(self, rows: int) -> list[dict[str, Any]]:
        """The kinds of errors, the commonest first, as the manifest has them.

        Args:
            rows: Of how many rows they are.
        """
        commonest = sorted(self._by_kind.values(), key=lambda cause: -cause["count"])
        return [cause | {"share": round(cause["count"] / rows, SHARE_DIGITS)} for cause in commonest]


def _cause(key: _Key, message: str | None, custom_id: str) -> dict[str, Any]:
    """A kind of error, of which none is counted yet."""
    row_status, status, code = key
    return {
        "row_status": row_status,
        "status": status,
        "code": code,
        "message": message,
        "custom_id": custom_id[:MAX_ID],
        "advice": advice(row_status, status, code),
        "count": 0,
    }


def name(cause: Mapping[str, Any]) -> tuple[str, str]:
    """What names a kind of error, and its message; both fit a line of the log."""
    return told(Reason(cause["status"], cause["code"] or cause["row_status"], cause["message"]))


def in_words(causes: Sequence[Mapping[str, Any]]) -> str:
    """The commonest kinds of errors in one sentence, each with its count and the ``custom_id`` of one row."""
    shown = [_in_words(cause) for cause in causes[:SHOWN]]
    more = len(causes) - len(shown)
    return "; ".join([*shown, *([f"and {more:,} more causes"] if more else [])])


def _in_words(cause: Mapping[str, Any]) -> str:
    code, why = name(cause)
    custom_id = one_line(cause["custom_id"], MAX_WORD)
    return f"{cause['count']:,} with {code}{f' ({why})' if why else ''}, such as {custom_id}"
