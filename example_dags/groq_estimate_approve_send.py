"""How do I estimate a job before it is sent, and have a person approve it? Needs Airflow 3.1."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param

from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

# Both tasks get the same arguments, so the job that is approved is the job that is sent.
JOB: dict[str, Any] = {
    "model": "openai/gpt-oss-20b",
    "input_path": "{{ params.input_path }}",
    "output_path": "{{ params.output_path }}/{{ run_id }}",
    "prompt_template": "Summarize this ticket in one sentence: {text}",
    "request_params": {"max_completion_tokens": 200},
}

with DAG(
    "groq_estimate_approve_send",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={
        "input_path": Param("/tmp/tickets.csv", type="string"),  # noqa: S108 - an example
        "output_path": Param("/tmp/groq", type="string"),  # noqa: S108
    },
):
    estimate = GroqBatchInferenceOperator(
        task_id="estimate", dry_run=True, **JOB, doc_md="Reads and checks the rows, and sends nothing."
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Send {{ ti.xcom_pull('estimate')['to_send'] }} rows to Groq?",
        body="{{ ti.xcom_pull('estimate') | tojson(2) }}",
    )
    send = GroqBatchInferenceOperator(task_id="send", deferrable=True, **JOB, doc_md="Sends what was approved.")

    estimate >> approve >> send
