"""Dags whose task is a whole job that is interrupted, cleared and run again."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

RAISES = "raises"
"""A line at which reading the rows fails."""

WAYS = {
    "worker": {},
    "deferred": {"deferrable": True},
    "canary": {
        "deferrable": True,
        "canary": 2,
        "prices": {"openai/gpt-oss-20b": {"input": 0.0375, "output": 0.15}},
        "max_cost": 1.0,
    },
    "fresh": {"reattach": False},
    "timed": {"execution_timeout": timedelta(seconds=20), "retries": 6},
    "timed_deferred": {"execution_timeout": timedelta(seconds=20), "retries": 6, "deferrable": True},
    "timed_once": {"execution_timeout": timedelta(seconds=20), "retries": 0, "deferrable": True},
    "timed_kept": {"execution_timeout": timedelta(seconds=20), "retries": 0, "cancel_on_timeout": False},
    "deadline": {"timeout": 10, "retry_delay": timedelta(seconds=15), "max_failed_ratio": 1.0},
    "unhurried": {"retry_delay": timedelta(seconds=8)},
}

for way, options in WAYS.items():
    with DAG(f"job_{way}", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}):

        @task.groq_batch(
            model="openai/gpt-oss-20b",
            output_path="{{ dag_run.conf['output_path'] }}",
            prompt_template="What is {text}?",
            shard_size=3,
            poll_interval=1,
            delete_files=False,
            **{"max_failed_ratio": 0.0, **options},
        )
        def create(dag_run=None):
            """The lines of a file, each time that it is called."""
            for line in Path(dag_run.conf["input_path"]).read_text().splitlines():
                if line == RAISES:
                    raise LookupError("the source is away")
                yield {"custom_id": line, "text": f"the {line}"}

        create()
