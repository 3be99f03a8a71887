"""Dags whose requests come in every way there is."""

from airflow.sdk import DAG, task, task_group

from airflow_provider_groq.operators.batch import (
    GroqCancelBatchOperator,
    GroqCreateBatchOperator,
    GroqDownloadBatchResultsOperator,
)
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
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


@task
def text(value):
    return value


@task
def body(number):
    return request(f"{BRACES} {number}")["body"]


@task
def message(content):
    return {"role": "user", "content": content}


@task
def nothing():
    return None


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

with DAG("stored", schedule=None):
    GroqDownloadBatchResultsOperator(
        task_id="download",
        batch_id=GroqCreateBatchOperator(
            task_id="create", input_path="{{ dag_run.conf['input_path'] }}", deferrable=True, poll_interval=0.1
        ).output,
        output_path="{{ dag_run.conf['output_path'] }}",
    )

BODY = request("given")["body"]

with DAG("deep", schedule=None):
    said = text("said by a task")
    GroqCreateBatchOperator(
        task_id="create",
        requests=[
            request(BRACES, "none"),
            {"custom_id": "body", "body": body(0)},
            {"custom_id": "text", "body": BODY | {"messages": [{"role": "user", "content": said}]}},
            {"custom_id": "again", "body": BODY | {"messages": ({"role": "user", "content": said},)}},
            row(4),
            {"custom_id": "mapped", "body": BODY | {"messages": message.expand(content=["one", "two"])}},
            {"custom_id": "param", "body": BODY | {"messages": [{"role": "user", "content": "{{ params.x }}"}]}},
        ],
        wait_for_completion=False,
    )

with DAG("deep_partial", schedule=None):
    GroqCreateBatchOperator.partial(
        task_id="create",
        requests=[{"custom_id": "a", "body": body(0)}, request(BRACES, "b")],
        wait_for_completion=False,
    ).expand(completion_window=["24h", "48h"])

with DAG("deep_expanded", schedule=None):
    GroqCreateBatchOperator.partial(task_id="create", wait_for_completion=False).expand(
        requests=[[{"custom_id": "a", "body": body(number)}] for number in (1, 2)]
    )

with DAG("deep_expanded_kwargs", schedule=None):
    GroqCreateBatchOperator.partial(task_id="create", wait_for_completion=False).expand_kwargs(
        [{"requests": [{"custom_id": "a", "body": body(number)}]} for number in (1, 2)]
    )

with DAG("deep_in_a_mapped_group", schedule=None):

    @task_group
    def of(number):
        GroqCreateBatchOperator(
            task_id="create",
            requests=[
                {"custom_id": "a", "body": BODY | {"messages": [{"role": "user", "content": number}]}},
                {"custom_id": "b", "body": BODY | {"messages": [{"role": "user", "content": text(number)}]}},
            ],
            wait_for_completion=False,
        )

    of.expand(number=["1", "2"])

with DAG("deep_nothing", schedule=None):
    GroqCreateBatchOperator(
        task_id="create", requests=[{"custom_id": "a", "body": nothing()}], wait_for_completion=False
    )

with DAG("no_rows", schedule=None):
    GroqBatchInferenceOperator(task_id="infer", rows=nothing(), model="openai/gpt-oss-20b", output_path="/tmp/answers")  # noqa: S108

with DAG("rendered", schedule=None):
    ids = upstream_of_many.override(task_id="ids")()
    path = "{{ ti.xcom_pull('ids') }}"
    GroqCancelBatchOperator(task_id="cancel", batch_id=path)
    GroqBatchSensor(task_id="sense", batch_id=path, timeout=5)
    GroqBatchSensor(task_id="sense_deferred", batch_id=path, timeout=5, deferrable=True)
    GroqDownloadBatchResultsOperator(task_id="download_id", batch_id=path, output_path="/tmp/answers")  # noqa: S108
    GroqDownloadBatchResultsOperator(task_id="download_path", batch_id="batch_1", output_path=path)
    GroqCreateBatchOperator(task_id="create_path", input_path=path)
    GroqCreateBatchOperator(task_id="create_file", input_file_id=path)
    ids >> [each for each in ids.operator.dag.tasks if each.task_id != "ids"]
