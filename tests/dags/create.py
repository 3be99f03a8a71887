"""Dags with one create operator each, whose arguments come from the run."""

from airflow.sdk import DAG

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator

REQUEST = {
    "custom_id": "one",
    "body": {"model": "llama-3.1-8b-instant", "messages": [{"role": "user", "content": "Hello"}]},
}

for way in ("worker", "deferred"):
    with DAG(f"create_{way}", schedule=None, default_args={"retries": 0}):
        GroqCreateBatchOperator(task_id="create", requests=[REQUEST], deferrable=way == "deferred", poll_interval=0.1)
