"""How do I pay only for rows that are new? Each day reuses the answers of the last day that succeeded."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

# On the first day there is no day before: the template renders to an empty string, which reuses nothing.
LAST_OUTPUT = (
    "{% if prev_data_interval_start_success %}"
    "{{ params.output_path }}/{{ prev_data_interval_start_success | ds }}"
    "{% endif %}"
)

with DAG(
    "groq_reuse_yesterday",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["groq"],
    doc_md=__doc__,
    params={
        "input_path": Param("/tmp/tickets.csv", type="string"),  # noqa: S108 - an example
        "output_path": Param("/tmp/groq", type="string"),  # noqa: S108
    },
):
    GroqBatchInferenceOperator(
        task_id="sort_tickets",
        doc_md="Asks only what the last output does not answer.",
        model="openai/gpt-oss-20b",
        input_path="{{ params.input_path }}",  # with the columns id and text; it grows from day to day
        output_path="{{ params.output_path }}/{{ data_interval_start | ds }}",
        reuse=LAST_OUTPUT,
        id_column="id",
        prompt_template="Is this ticket about a building, a machine or something else? {text}",
        deferrable=True,
    )
