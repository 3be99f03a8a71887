"""Dags whose tasks tell OpenLineage of what they read and write."""

from airflow.sdk import DAG, Asset, AssetAlias, task

from airflow_provider_groq.operators.batch import (
    GroqCancelBatchOperator,
    GroqCreateBatchOperator,
    GroqDownloadBatchResultsOperator,
)
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
from airflow_provider_groq.sensors.batch import GroqBatchSensor

FOLDER = "{{ dag_run.conf['folder'] }}"
OUTPUT = FOLDER + "/{{ dag.dag_id }}"
NIGHTLY = Asset("groq://groq_default/batches/nightly")
ONCE = {"retries": 0}
JOB = {
    "model": "openai/gpt-oss-20b",
    "prompt_template": "Where is {city}?",
    "id_column": "city",
    "max_rounds": 1,
    "shard_size": 2,
    "poll_interval": 0.1,
}

for way, deferrable in {"worker": False, "deferred": True}.items():
    wait_so = {"deferrable": deferrable, "poll_interval": 0.1}

    with DAG(f"lineage_of_a_batch_{way}", schedule=None, default_args=ONCE):
        create = GroqCreateBatchOperator(
            task_id="create", input_path=FOLDER + "/requests.jsonl", outlets=[NIGHTLY], **wait_so
        )
        wait = GroqBatchSensor(task_id="wait", batch_id=create.output, **wait_so)
        download = GroqDownloadBatchResultsOperator(task_id="download", batch_id=create.output, output_path=OUTPUT)
        wait >> download

    with DAG(f"lineage_of_a_job_{way}", schedule=None, default_args=ONCE):
        outlets = [Asset("a_name"), AssetAlias("landed"), Asset("file:///data/mart")]
        options = JOB | {"deferrable": deferrable, "max_failed_ratio": 0.5, "outlets": outlets}
        GroqBatchInferenceOperator(
            task_id="answer", input_path=FOLDER + "/cities/*.jsonl", output_path=OUTPUT, **options
        )

with DAG("lineage_of_a_failed_job", schedule=None, default_args=ONCE):
    GroqBatchInferenceOperator(
        task_id="answer",
        input_path=[FOLDER + "/cities/a.jsonl", FOLDER + "/cities/b.jsonl"],
        output_path=OUTPUT,
        **JOB | {"max_failed_ratio": 0.0},
    )

with DAG("lineage_of_a_refused_job", schedule=None, default_args=ONCE):
    GroqBatchInferenceOperator(task_id="answer", input_path=FOLDER + "/missing.jsonl", output_path=OUTPUT, **JOB)

with DAG("lineage_of_a_function", schedule=None, default_args=ONCE):

    @task.groq_batch(output_path=OUTPUT, inlets=[Asset("file:///data/cities.db")], **JOB)
    def answer():
        yield {"city": "Lagos", "note": "a secret of the row"}

    answer()

with DAG("lineage_of_inline_requests", schedule=None, default_args=ONCE):
    messages = [{"role": "user", "content": "a secret of the prompt"}]
    requests = [{"custom_id": "one", "body": {"model": "openai/gpt-oss-20b", "messages": messages}}]
    made = GroqCreateBatchOperator(task_id="create", requests=requests, wait_for_completion=False, inlets=[NIGHTLY])
    GroqCancelBatchOperator(task_id="cancel", batch_id=made.output, wait_for_completion=True, poll_interval=0.1)

with DAG("lineage_of_a_dry_run", schedule=None, default_args=ONCE):
    GroqBatchInferenceOperator(
        task_id="answer", input_path=FOLDER + "/cities/a.jsonl", output_path=OUTPUT, dry_run=True, **JOB
    )
