"""Dags with one create operator each, whose arguments come from the run."""

from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.batch import GroqCancelBatchOperator, GroqCreateBatchOperator

REQUEST = {
    "custom_id": "one",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}

for way in ("worker", "deferred"):
    with DAG(f"create_{way}", schedule=None, default_args={"retries": 0}):
        GroqCreateBatchOperator(task_id="create", requests=[REQUEST], deferrable=way == "deferred", poll_interval=0.1)

for way in ("", "_deferred"):
    with DAG(f"create_slowly{way}", schedule=None, default_args={"retries": 0}):
        GroqCreateBatchOperator(task_id="create", requests=[REQUEST], deferrable=bool(way), poll_interval=5)

with DAG("cancel_beside", schedule=None, default_args={"retries": 0}):
    GroqCreateBatchOperator(task_id="create", requests=[REQUEST], deferrable=False, poll_interval=1)

    @task(retries=30, retry_delay=timedelta(seconds=1))
    def find_batch(ti=None):
        """Wait until the task beside has its batch."""
        batch_id = ti.xcom_pull(task_ids="create", key="batch_id")
        if not batch_id:
            raise RuntimeError("no batch yet")
        return batch_id

    GroqCancelBatchOperator(task_id="cancel", batch_id=find_batch())
