"""Dags that pay for one batch a run: inputs inline and from a file, waits in the worker and deferred; and a job."""

from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

RETRIES = {"retries": 10, "retry_delay": timedelta(seconds=1)}


@task
def make_requests(dag_run=None):
    """Requests that tell the run."""
    return dag_run.conf["requests"]


for way in ("worker", "deferred"):
    for source in ("inline", "file"):
        with DAG(f"fire_{way}_{source}", schedule=None, default_args=RETRIES, max_active_runs=100):
            given = (
                {"requests": make_requests()}
                if source == "inline"
                else {"input_path": "{{ dag_run.conf['input_path'] }}"}
            )
            create = GroqCreateBatchOperator(
                task_id="create",
                deferrable=way == "deferred",
                poll_interval=2,
                metadata={"run": "{{ run_id }}"},
                **given,
            )
            GroqDownloadBatchResultsOperator(
                task_id="download", batch_id=create.output, output_path="{{ dag_run.conf['output_path'] }}"
            )

with DAG("fire_job", schedule=None, default_args=RETRIES, max_active_runs=100):
    GroqBatchInferenceOperator(
        task_id="create",
        input_path="{{ dag_run.conf['input_path'] }}",
        output_path="{{ dag_run.conf['output_path'] }}",
        model="openai/gpt-oss-20b",
        prompt_template="What is {text}?",
        shard_size=4,
        max_failed_ratio=0.0,
        poll_interval=2,
        deferrable=True,
        delete_files=False,
    )
