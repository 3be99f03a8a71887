"""The manifest of a job: what became of its rows, counted while they are landed, and where their answers lie."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.reasons import MAX_WORD, SHOWN, told
from airflow_provider_groq.batches.result_line import Reason
from airflow_provider_groq.batches.tokens import Tokens
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.answer_lines import Head
from airflow_provider_groq.jobs.merge import Merged
from airflow_provider_groq.jobs.outcomes import is_cut_off
from airflow_provider_groq.jobs.records import Error, Status

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

NAME = "manifest.json"
FORMAT, VERSION = "airflow-provider-groq answers", 1

STATUSES: tuple[Status, ...] = ("succeeded", "failed", "expired", "cancelled", "missing", "invalid_output")
KINDS_OF_TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "total_tokens")

MAX_ERRORS = 100
"""How many kinds of errors are told apart; what comes beyond counts under the code `OTHERS`."""

OTHERS = "others"
UNSAID = Error(None, None, None)
MAX_ID = 200
"""The longest ``custom_id`` that stands for a kind of error."""

MAX_XCOM_BYTES = 16_000
LONG_LISTS = ("batches", "parts")
SHORTER = (20, 5, 1)
"""How many errors, models and rounds go into XCom: the first number with which all of it fits."""

_ErrorKey: TypeAlias = tuple[str, int | None, str | None]


class Accounts:
    """Counts the answers of a job while they go by."""

    def __init__(self) -> None:
        self._rows: Counter[Status] = Counter()
        self._rounds: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._errors: dict[_ErrorKey, dict[str, Any]] = {}
        self._tokens = Tokens()
        self._truncated = self._reused = 0

    def count(self, rows: Iterable[Merged]) -> Iterator[bytes]:
        """Give the line of each row's answer, once it is counted."""
        for row in rows:
            self._take(row.best.head)
            self._reused += row.best.round == 0
            for sent in (row.best, *row.others):
                if sent.round:  # what was known before was paid before
                    self._take_sent(sent.round, sent.head)
            yield row.best.line

    def manifest(
        self,
        *,
        path: str,
        job: Mapping[str, Any],
        batches: Sequence[Mapping[str, Any]],
        times: Mapping[str, Any],
        parts: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """The manifest of what was counted.

        Args:
            path: The output folder.
            job: Whose answers these are: Dag, task, run, map index, identity, generation.
            batches: Each batch: its id, round, shard, status and counts.
            times: When the job began and ended, as Unix time.
            parts: The files that hold the answers: name, rows and bytes.
        """
        return {
            "format": FORMAT,
            "version": VERSION,
            "path": path,
            "job": dict(job),
            "rows": {"total": self._rows.total(), **{status: self._rows[status] for status in STATUSES}},
            "truncated": self._truncated,
            "reused": self._reused,
            "errors": sorted(self._errors.values(), key=lambda error: -error["count"]),
            "rounds": [
                {"round": number, "rows": self._rounds[number]["rows"], "succeeded": self._rounds[number]["succeeded"]}
                for number in sorted(self._rounds)
            ],
            "tokens": {model: dict(sums) for model, sums in self._tokens.by_model.items()},
            "cost": None,
            "times": dict(times),
            "batches": [dict(batch) for batch in batches],
            "parts": [dict(part) for part in parts],
        }

    def _take(self, head: Head) -> None:
        self._rows[head.status] += 1
        self._truncated += is_cut_off(head)
        if head.status == "succeeded":
            return
        error = head.error or UNSAID
        key: _ErrorKey = (head.status, error.status, error.code)
        message = error.message
        if key not in self._errors and len(self._errors) >= MAX_ERRORS:
            key, message = (head.status, None, OTHERS), None
        known = self._errors.setdefault(key, _error(key, message, head.custom_id))
        known["count"] += 1

    def _take_sent(self, number: int, head: Head) -> None:
        counts = self._rounds[number]
        counts["rows"] += 1
        counts["succeeded"] += head.status == "succeeded"
        if head.usage is not None:
            details = head.usage.get("completion_tokens_details")
            reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
            used = dict.fromkeys(KINDS_OF_TOKENS, 0) | {
                kind: head.usage[kind] for kind in KINDS_OF_TOKENS if kind in head.usage
            }
            self._tokens.add(head.model, used if reasoning is None else used | {"reasoning_tokens": reasoning})


def _error(key: _ErrorKey, message: str | None, custom_id: str) -> dict[str, Any]:
    """A kind of error, of which none is counted yet."""
    row_status, status, code = key
    about = {"row_status": row_status, "status": status, "code": code, "message": message}
    return about | {"custom_id": custom_id[:MAX_ID], "count": 0}


def for_xcom(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without its long lists, of which the numbers stay: at most 16 kB."""
    short = dict(manifest) | {name: len(manifest[name]) for name in LONG_LISTS}
    for most in SHORTER:
        tokens = sorted(manifest["tokens"].items(), key=lambda item: -item[1].get("total_tokens", 0))
        short |= {
            "errors": [_shorter(error) for error in manifest["errors"][:most]],
            "rounds": manifest["rounds"][:most],
            "tokens": dict(tokens[:most]),
        }
        if len(json.dumps(short)) <= MAX_XCOM_BYTES:
            break
    return short


def _shorter(error: Mapping[str, Any]) -> dict[str, Any]:
    """A kind of error with texts that fit a line of the log."""
    return {
        name: one_line(value, MAX_WORD if name != "message" else 2 * MAX_WORD) if isinstance(value, str) else value
        for name, value in error.items()
    }


def message(manifest: Mapping[str, Any]) -> str:
    """How many rows failed, and why: the commonest causes, each with its count and the ``custom_id`` of one row."""
    total = manifest["rows"]["total"]
    errors = manifest["errors"]
    shown = [_cause(error) for error in errors[:SHOWN]]
    more = len(errors) - len(shown)
    causes = "; ".join([*shown, *([f"and {more:,} more causes"] if more else [])])
    failed = f"{total - manifest['rows']['succeeded']:,} of {total:,} rows failed"
    return f"{failed}: {causes}" if causes else failed


def _cause(error: Mapping[str, Any]) -> str:
    name, why = told(Reason(error["status"], error["code"] or error["row_status"], error["message"]))
    custom_id = one_line(error["custom_id"], MAX_WORD)
    return f"{error['count']:,} with {name}{f' ({why})' if why else ''}, such as {custom_id}"


def write(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as the content of its file."""
    return json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n"


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a job.

    Args:
        path: Its file, ``manifest.json`` in the output folder.

    Raises:
        FileNotFoundError: There is none.
        GroqInputError: It is cut off, of another version, or none of this package.
    """
    with path.open("rb") as file:
        content = file.read()
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GroqInputError(
            f"{path} cannot be read ({error}): it is cut off, or no manifest of airflow-provider-groq."
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise GroqInputError(f"{path} is no manifest of airflow-provider-groq: something else wrote it.")
    if manifest.get("version") != VERSION:
        raise GroqInputError(
            f"{path} is a manifest of version {one_line(str(manifest.get('version')), MAX_WORD)}, but this "
            f"airflow-provider-groq knows version {VERSION}. Use the version that wrote it."
        )
    return manifest
