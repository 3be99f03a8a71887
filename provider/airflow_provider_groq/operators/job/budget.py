"""What a job has cost and is going to cost, beside what it may cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.money.prices import in_words
from airflow_provider_groq.jobs.money.usage import Projection, Usage
from airflow_provider_groq.jobs.results.answer_lines import Head
from airflow_provider_groq.jobs.seals import Stop
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.round import Round

XCOM_KEY = "projection"


def check_prices(job: JobRun, first_rows: dict[str, int]) -> None:
    """Refuse a job that has a ``max_cost``, and a model without a price.

    Args:
        job: The job.
        first_rows: For each model, the number of the first row that names it.

    Raises:
        GroqInputError: There is one.
    """
    if job.operator.max_cost is None:
        return
    for model in job.prices.lacking(first_rows):
        raise GroqInputError(
            f"Row {first_rows[model]:,} names model {model!r}, which has no price, so max_cost cannot be enforced. "
            "Add the model to prices, or to [groq] prices in Airflow's configuration. Nothing was sent."
        )


def spent(rounds: Sequence[Round]) -> Usage:
    """What was used in some rounds, as far as answers are kept."""
    usage = Usage()
    for round_ in rounds:
        for kept in round_.kept_files():
            summary = kept.summary()
            usage.add_sums(summary.answers, summary.unmetered, summary.tokens)
    return usage


def checked(rounds: Sequence[Round], rows: int, *, sample: Iterable[Head] | None, models: Sequence[str]) -> Stop | None:
    """Project what a job is going to use, log it, and compare its cost with ``max_cost``.

    Args:
        rounds: What was sent.
        rows: How many rows to send next.
        sample: The answers whose mean is projected; None for all of these rounds.
        models: The models of the rows to be sent.

    Returns:
        Why they are not sent, if the job would cost too much.
    """
    job = rounds[-1].job
    with job.in_work():
        used = spent(rounds)
    basis = used
    if sample is not None:
        basis = Usage()
        for head in sample:
            basis.add(head)
    if not (basis.answers or basis.unmetered):
        return None  # nothing was answered that could tell
    rest = basis.project(rows, job.prices, model=models[0] if len(models) == 1 else None)
    so_far = used.cost(job.prices)
    cost = None if so_far is None or rest.cost is None else so_far + rest.cost
    _tell(job, rest, used, cost)
    most = job.operator.max_cost
    if most is None or (cost is not None and cost <= most):
        return None
    why = (
        "the cost of the job is unknown: an answer names a model without a price, or has no token counts"
        if cost is None
        else f"the job is projected to cost {in_words(cost)}: {in_words(so_far)} so far, and {in_words(rest.cost)} for "
        f"{rows:,} rows to be sent"
    )
    return Stop("cost", f"max_cost is {most:g}, but {why}. Those rows were not sent.", job.generation)


def _tell(job: JobRun, rest: Projection, used: Usage, cost: float | None) -> None:
    prompt, completion = (
        sum(sums[kind] for sums in used.by_model.values()) for kind in ("prompt_tokens", "completion_tokens")
    )
    job.operator.log.info(
        "Projected for %s more rows: %s prompt tokens, %s completion tokens, cost %s. Cost of the whole job: %s.",
        f"{rest.rows:,}",
        f"{rest.prompt_tokens:,}",
        f"{rest.completion_tokens:,}",
        in_words(rest.cost),
        in_words(cost),
    )
    if job.operator.do_xcom_push:
        whole = {
            "rows_to_send": rest.rows,
            "prompt_tokens": prompt + rest.prompt_tokens,
            "completion_tokens": completion + rest.completion_tokens,
            "cost": cost,
        }
        job.context["ti"].xcom_push(key=XCOM_KEY, value=whole)
