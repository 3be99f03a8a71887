"""How do I send requests to Groq's Batch API and wait for them?"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator

QUESTIONS = ("What is a batch?", "Why is a batch cheaper?", "When is a batch too slow?")

with DAG("groq_create_and_wait", schedule=None, tags=["groq"], doc_md=__doc__):
    GroqCreateBatchOperator(
        task_id="ask",
        doc_md="All questions in one batch.",
        requests=[
            {
                "custom_id": f"question-{number}",
                "body": {
                    "model": "openai/gpt-oss-20b",
                    "messages": [{"role": "user", "content": question}],
                },
            }
            for number, question in enumerate(QUESTIONS, 1)
        ],
        deferrable=True,
    )
