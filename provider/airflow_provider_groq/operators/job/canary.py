"""What is asked before the shards of a round are sent: how its canary ended, and what the job is going to cost.

The canary is the first rows of the job, sent alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from airflow_provider_groq.api.text import counted
from airflow_provider_groq.jobs.output.causes import Causes, in_words
from airflow_provider_groq.jobs.results.answer_lines import Head, read_head
from airflow_provider_groq.jobs.results.kept import Kept
from airflow_provider_groq.jobs.results.merge import goodness
from airflow_provider_groq.jobs.results.outcomes import is_good, too_many_failed
from airflow_provider_groq.jobs.seals import Stop
from airflow_provider_groq.operators.job import answers, batches, budget
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.journal import RoundJournal
from airflow_provider_groq.operators.job.kept import kept_answers, lines_in
from airflow_provider_groq.operators.job.round import Round


def is_needed(job: JobRun, kept: Iterable[Iterator[Kept]], *, rows: int) -> bool:
    """Whether the first rows of a round that is not sealed yet go first, alone.

    Not if enough of them have a good answer already, or if the job has no others.

    Args:
        job: The job.
        kept: The answers that are there already, as `kept_answers` has them.
        rows: How many rows the job has.
    """
    most = job.operator.canary_rows
    if not 0 < most < rows:
        return False
    good = sum(map(is_good, _first_answers(kept, most).values()))
    return not good or too_many_failed(most - good, most, job.operator.max_failed_ratio)


def let_pass(round_: Round, rounds: Sequence[Round]) -> None:
    """Send the canary of a round, if it has one, and stop the job if its other shards must not follow.

    Args:
        round_: The round, which is the last one.
        rounds: All rounds of the job.

    Raises:
        TaskDeferred: The task resumes after the trigger has fired.
    """
    job, journal = round_.job, RoundJournal(round_)
    is_first = bool(round_.seal.canary) or len(rounds) == 1
    if journal.canary_passed or not (round_.seal.canary or job.operator.max_cost is not None):
        return
    alone = round_.canary()
    if alone.seal.shards:
        job.operator.log.info(
            "Sending the canary first: %s of %s.", f"{alone.rows:,}", counted(round_.rows, "row", "rows")
        )
        answers.keep(alone, batches.completed(alone))
        journal = RoundJournal(round_)
    if journal.stopped_at is not None or time.time() >= journal.deadline:
        return
    sent = [*rounds[:-1], alone]
    with job.in_work():
        first = [*_first_answers(kept_answers(sent).values(), job.operator.canary_rows).values()] if is_first else None
    stop = _judged(job, first or []) if alone.seal.shards else None
    if stop is None:
        stop = budget.checked(sent, round_.rows - alone.rows, sample=first, models=[*round_.requests.index.first_rows])
    if stop is None:
        journal.let_canary_pass(time.time())
    else:
        job.operator.log.error("%s", stop.message)
        journal.stop(time.time(), stop)


def _first_answers(kept: Iterable[Iterator[Kept]], most: int) -> dict[int, Head]:
    """The best answer to each of the first rows of a job that has one."""
    best: dict[int, Head] = {}
    for answers_ in kept:
        for head in takewhile(lambda head: head.index < most, map(read_head, lines_in(answers_))):
            known = best.get(head.index)
            if known is None or goodness(head) > goodness(known):
                best[head.index] = head
    return best


def _judged(job: JobRun, heads: Iterable[Head]) -> Stop | None:
    """Why the others are not sent, if too few of the first rows have a good answer."""
    found = list(heads)
    bad = [head for head in found if not is_good(head)]
    allowed = job.operator.max_failed_ratio
    if len(bad) < len(found) and not too_many_failed(len(bad), len(found), allowed):
        return None
    causes = Causes()
    for head in bad:
        if head.status != "succeeded":
            causes.add(head)
    cut_off = [head.custom_id for head in bad if head.status == "succeeded"]
    said = [
        in_words(causes.listed(len(found))),
        f"{len(cut_off):,} with answers that are cut off (finish_reason length), such as {cut_off[0]}"
        if cut_off
        else "",
    ]
    found_rows = counted(len(found), "row", "rows")
    return Stop(
        "canary",
        f"The canary failed: no good answer for {len(bad):,} of {found_rows}: {'; '.join(filter(None, said))}. "
        f"max_failed_ratio is {allowed:g}. No other row was sent.",
        job.generation,
    )
