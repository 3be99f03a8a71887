"""Dags whose task is a whole job that is interrupted, cleared and run again."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

for way in ("worker", "deferred"):
    with DAG(f"job_{way}", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}):

        @task.groq_batch(
            model="openai/gpt-oss-20b",
            output_path="{{ dag_run.conf['output_path'] }}",
            prompt_template="What is {text}?",
            shard_size=3,
            poll_interval=1,
            max_failed_ratio=0.0,
            delete_files=False,
            deferrable=way == "deferred",
        )
        def create(dag_run=None):
            """The lines of a file, each time that it is called."""
            for line in Path(dag_run.conf["input_path"]).read_text().splitlines():
                yield {"custom_id": line, "text": f"the {line}"}

        create()
