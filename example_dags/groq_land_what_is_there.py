"""How do I land the answers of a batch whose task failed?"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

with DAG(
    "groq_land_what_is_there",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):
    create = GroqCreateBatchOperator(
        task_id="create",
        doc_md="Fails, since one of two requests does.",
        requests=[
            {
                "custom_id": model,
                "body": {"model": model, "messages": [{"role": "user", "content": "Are you there?"}]},
            }
            for model in ("openai/gpt-oss-20b", "a-model-that-is-not-there")
        ],
        fail_on_partial_error=True,
        deferrable=True,
    )

    # A failed task has no return value, but its batch id is in XCom as soon as the batch exists.
    download = GroqDownloadBatchResultsOperator(
        task_id="download",
        doc_md="Lands the other answer all the same.",
        batch_id="{{ ti.xcom_pull(task_ids='create', key='batch_id') }}",
        output_path="{{ params.output_path }}/{{ run_id }}",
        trigger_rule="all_done",
    )

    create >> download
