"""How do I cancel a batch from another task?"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_groq.operators.batch import GroqCancelBatchOperator, GroqCreateBatchOperator

with DAG("groq_cancel", schedule=None, tags=["groq"], doc_md=__doc__):
    create = GroqCreateBatchOperator(
        task_id="create",
        doc_md="One request, in a batch that this task does not wait for.",
        requests=[
            {
                "custom_id": "poem",
                "body": {
                    "model": "openai/gpt-oss-20b",
                    "messages": [{"role": "user", "content": "Write a poem about changing one's mind."}],
                },
            }
        ],
        wait_for_completion=False,
    )

    GroqCancelBatchOperator(
        task_id="cancel",
        batch_id=create.output,
        wait_for_completion=True,
        doc_md="Cancels the batch, and waits until it has ended.",
    )
