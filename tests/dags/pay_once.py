"""Dags whose create task is interrupted, cleared and run again."""

import time
from datetime import datetime, timedelta

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator

REQUEST = {
    "custom_id": "one",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}

WAYS = {
    "worker": {},
    "once": {"retries": 0},
    "deferred": {"deferrable": True},
    "fresh": {"reattach": False},
    "fresh_deferred": {"reattach": False, "deferrable": True},
    "impatient": {"timeout": 4, "cancel_on_timeout": False},
    "strict": {"fail_on_partial_error": True},
    "timed": {"execution_timeout": timedelta(seconds=5)},
    "timed_once": {"execution_timeout": timedelta(seconds=5), "retries": 0},
}

for way, options in WAYS.items():
    with DAG(f"pay_once_{way}", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}):
        GroqCreateBatchOperator(
            task_id="create",
            input_path="{{ dag_run.conf['input_path'] }}",
            poll_interval=1,
            **{"deferrable": False, **options},
        )

with DAG("pay_once_run_timeout", schedule=None, dagrun_timeout=timedelta(seconds=8)):
    GroqCreateBatchOperator(task_id="create", input_path="{{ dag_run.conf['input_path'] }}", deferrable=False)

with DAG("pay_once_fail_fast", schedule=None, fail_fast=True):
    GroqCreateBatchOperator(task_id="create", input_path="{{ dag_run.conf['input_path'] }}", deferrable=False)

    @task
    def fail():
        time.sleep(8)
        raise ValueError("as the test wants it")

    fail()

# It has ended, so that only backfills run it.
with DAG("pay_once_daily", schedule="@daily", start_date=datetime(2026, 3, 1), end_date=datetime(2026, 3, 2)):  # noqa: DTZ001 - of a Dag
    GroqCreateBatchOperator(task_id="create", requests=[REQUEST], poll_interval=1, deferrable=False)
