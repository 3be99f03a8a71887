"""Dags whose requests come in every way there is."""

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.batch import (
    GroqCancelBatchOperator,
    GroqCreateBatchOperator,
    GroqDownloadBatchResultsOperator,
)
from airflow_provider_groq.sensors.batch import GroqBatchSensor

BRACES = "{{ 1 + 1 }} {% if %} {# no comment #}"


def request(content, custom_id="one"):
    return {
        "custom_id": custom_id,
        "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": content}]},
    }


@task
def upstream():
    return [request(BRACES)]


@task
def upstream_of_many():
    return [[request("first")], [request("second")]]


@task
def row(number):
    return request(f"row {number}", custom_id=f"row-{number}")


with DAG("inline", schedule=None):
    GroqCreateBatchOperator(task_id="create", requests=[request(BRACES)], wait_for_completion=False)

with DAG("from_upstream", schedule=None):
    GroqCreateBatchOperator(task_id="create", requests=upstream(), wait_for_completion=False)

with DAG("from_mapped_upstream", schedule=None):
    GroqCreateBatchOperator(task_id="create", requests=row.expand(number=[1, 2, 3]), wait_for_completion=False)

with DAG("expanded", schedule=None):
    GroqCreateBatchOperator.partial(task_id="create", deferrable=True, poll_interval=0.1).expand(
        requests=upstream_of_many()
    )

with DAG("expanded_kwargs", schedule=None):
    GroqCreateBatchOperator.partial(task_id="create", wait_for_completion=False).expand_kwargs(
        [{"requests": [request("first")]}, {"requests": [request("second")], "completion_window": "7d"}]
    )

with DAG("templated", schedule=None):
    GroqCreateBatchOperator(
        task_id="create",
        input_path="{{ dag_run.conf['input_path'] }}",
        metadata={"run": "{{ run_id }}"},
        completion_window="{{ dag_run.conf['window'] }}",
        wait_for_completion=False,
    )

with DAG("expanded_chain", schedule=None):
    create = GroqCreateBatchOperator.partial(task_id="create", wait_for_completion=False).expand(
        requests=upstream_of_many()
    )
    sense = GroqBatchSensor.partial(task_id="sense", deferrable=True, poll_interval=0.1).expand(batch_id=create.output)
    download = GroqDownloadBatchResultsOperator.partial(
        task_id="download", output_path="{{ dag_run.conf['output_path'] }}/{{ ti.map_index }}"
    ).expand(batch_id=create.output)
    cancel = GroqCancelBatchOperator.partial(task_id="cancel").expand(batch_id=create.output)
    sense >> download >> cancel
