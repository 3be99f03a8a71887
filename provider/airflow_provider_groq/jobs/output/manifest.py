"""The manifest of a job: the outcome of its rows, counted while they are landed, and where their answers are."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.reasons import MAX_WORD
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.files import Path
from airflow_provider_groq.jobs.money.prices import Prices, total
from airflow_provider_groq.jobs.money.usage import Usage
from airflow_provider_groq.jobs.output.causes import Causes, in_words
from airflow_provider_groq.jobs.records import Status
from airflow_provider_groq.jobs.results.answer_lines import Head
from airflow_provider_groq.jobs.results.kept import Kept, Run, WholeFile
from airflow_provider_groq.jobs.results.merge import Merged, Sent
from airflow_provider_groq.jobs.results.outcomes import is_cut_off
from airflow_provider_groq.jobs.results.summary import Summary

NAME = "manifest.json"
FORMAT, VERSION = "airflow-provider-groq answers", 1

STATUSES: tuple[Status, ...] = ("succeeded", "failed", "expired", "cancelled", "missing", "invalid_output", "not_sent")

MAX_XCOM_BYTES = 16_000
LONG_LISTS = ("batches", "parts")
SHORTER = (20, 5, 1)
"""How many errors, models and rounds go into XCom: the first number with which all of it fits."""


class Accounts:
    """Counts the answers of a job while they go by."""

    def __init__(self) -> None:
        self._rows: Counter[Status] = Counter()
        self._rounds: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._causes = Causes()
        self._usage: defaultdict[int, Usage] = defaultdict(Usage)
        self._truncated = self._reused = self._duplicates = 0

    def count_usage(self, number: int, summary: Summary) -> None:
        """Count what the answers in a file of a round used, of which their runs say nothing."""
        if number:  # what was known before was paid before
            self._usage[number].add_sums(summary.answers, summary.unmetered, summary.tokens)

    def count(self, rows: Iterable[Merged | Kept]) -> Iterator[bytes | WholeFile]:
        """Give the lines of the rows' answers once they are counted: those of a run together, and files as they are."""
        for row in rows:
            if not isinstance(row, Merged):
                self._take_run(row)
                yield row.lines if isinstance(row, Run) else row
                continue
            self._take(row.best.head)
            if row.is_duplicate:  # its original is counted as sent
                self._duplicates += 1
                yield row.best.line
                continue
            self._reused += row.best.round == 0
            for sent in (row.best, *row.others):
                if sent.round:
                    self._take_sent(sent)
            yield row.best.line

    def manifest(
        self,
        *,
        path: str,
        job: Mapping[str, Any],
        batches: Sequence[Mapping[str, Any]],
        times: Mapping[str, Any],
        parts: Sequence[Mapping[str, Any]],
        prices: Prices,
        stopped: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The manifest of what was counted.

        Args:
            path: The output folder.
            job: Whose answers these are: Dag, task, run, map index, identity, generation.
            batches: Each batch: its id, round, shard and number of rows.
            times: When the job began and ended, as Unix time.
            parts: The files that hold the answers: name, rows and bytes.
            prices: What tokens cost.
            stopped: Why rows were not sent, if the job stopped before its end: ``reason`` and ``message``.
        """
        usage = Usage()
        for used in self._usage.values():
            usage.add_all(used)
        return {
            "format": FORMAT,
            "version": VERSION,
            "path": path,
            "job": dict(job),
            "rows": {"total": self._rows.total(), **{status: self._rows[status] for status in STATUSES}},
            "truncated": self._truncated,
            "reused": self._reused,
            "duplicates": self._duplicates,
            "errors": self._causes.listed(self._rows.total()),
            "rounds": [self._round(number, prices) for number in sorted(self._rounds)],
            "tokens": usage.by_model,
            "cost": total(used.cost(prices) for used in self._usage.values()),
            "stopped": None if stopped is None else dict(stopped),
            "times": dict(times),
            "batches": [dict(batch) for batch in batches],
            "parts": [dict(part) for part in parts],
        }

    def _round(self, number: int, prices: Prices) -> dict[str, Any]:
        counts, used = self._rounds[number], self._usage[number]
        return {
            "round": number,
            "rows": counts["rows"],
            "succeeded": counts["succeeded"],
            "tokens": used.by_model,
            "cost": used.cost(prices),
        }

    def _take_run(self, run: Kept) -> None:
        self._rows["succeeded"] += run.rows
        if not run.round:
            self._reused += run.rows
            return
        self._rounds[run.round]["rows"] += run.rows
        self._rounds[run.round]["succeeded"] += run.rows

    def _take(self, head: Head) -> None:
        self._rows[head.status] += 1
        self._truncated += is_cut_off(head)
        if head.status != "succeeded":
            self._causes.add(head)

    def _take_sent(self, sent: Sent) -> None:
        counts = self._rounds[sent.round]
        counts["rows"] += sent.head.status != "not_sent"
        counts["succeeded"] += sent.head.status == "succeeded"


def for_xcom(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without its long lists, of which the numbers stay: at most 16 kB."""
    short = dict(manifest) | {name: len(manifest[name]) for name in LONG_LISTS}
    for most in SHORTER:
        short |= {
            "errors": [_shorter(error) for error in manifest["errors"][:most]],
            "rounds": [round_ | {"tokens": _most_used(round_["tokens"], most)} for round_ in manifest["rounds"][:most]],
            "tokens": _most_used(manifest["tokens"], most),
        }
        if len(json.dumps(short)) <= MAX_XCOM_BYTES:
            break
    return short


def _most_used(tokens: Mapping[str, dict[str, int]], most: int) -> dict[str, dict[str, int]]:
    """The tokens of so many models, those with the most."""
    return dict(sorted(tokens.items(), key=lambda item: -item[1].get("total_tokens", 0))[:most])


def _shorter(error: Mapping[str, Any]) -> dict[str, Any]:
    """A kind of error with texts that fit a line of the log."""
    return {
        name: one_line(value, MAX_WORD if name != "message" else 2 * MAX_WORD) if isinstance(value, str) else value
        for name, value in error.items()
    }


def message(manifest: Mapping[str, Any]) -> str:
    """How many rows failed, and why."""
    total = manifest["rows"]["total"]
    causes = in_words(manifest["errors"])
    failed = f"{total - manifest['rows']['succeeded']:,} of {total:,} rows failed"
    return f"{failed}: {causes}" if causes else failed


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
            f"{path} cannot be read ({error}): it is cut off, or not a manifest of airflow-provider-groq."
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise GroqInputError(f"{path} is not a manifest of airflow-provider-groq: another program wrote it.")
    if manifest.get("version") != VERSION:
        raise GroqInputError(
            f"{path} is a manifest of version {one_line(str(manifest.get('version')), MAX_WORD)}, but this "
            f"airflow-provider-groq reads version {VERSION}. Use the version that wrote it."
        )
    return manifest
