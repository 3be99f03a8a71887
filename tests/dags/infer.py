"""Dags whose task is a whole job: interrupted, cleared and run again, or watched for what it pays."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
PRICES = {SMALL: {"input": 0.0375, "output": 0.15}}

COMMON = {
    "model": SMALL,
    "prompt_template": "What is {text}?",
    "shard_size": 3,
    "poll_interval": 1,
    "max_failed_ratio": 0.0,
    "delete_files": False,
}

RAISES = "raises"
"""A line at which reading the rows fails."""

WAYS = {
    "worker": {},
    "deferred": {"deferrable": True},
    "measured": {"deferrable": True, "groq_conn_id": "groq_measured"},
    "canary": {"deferrable": True, "canary": 2, "prices": PRICES, "max_cost": 1.0},
    # The prices of Airflow's configuration hold for this one.
    "two_rounds": {"escalate": [{"model": LARGE}], "max_failed_ratio": 0.5},
    "costly": {"canary": 2, "prices": PRICES, "max_cost": 0.000001},
    "costly_later": {
        "canary": 2,
        "max_cost": 1.0,
        "max_failed_ratio": 0.5,
        "escalate": [{"model": LARGE}],
        "prices": PRICES | {LARGE: {"input": 100_000.0, "output": 100_000.0}},
    },
    "never_twice": {"dedupe": True, "reuse": "{{ dag_run.conf.get('reuse', '') }}"},
    "late": {"canary": 2, "timeout": 20, "retry_delay": timedelta(seconds=21)},
    "fresh": {"reattach": False},
    "timed": {"execution_timeout": timedelta(seconds=20), "retries": 6},
    "timed_deferred": {"execution_timeout": timedelta(seconds=20), "retries": 6, "deferrable": True},
    "timed_once": {"execution_timeout": timedelta(seconds=20), "retries": 0, "deferrable": True},
    "timed_kept": {"execution_timeout": timedelta(seconds=20), "retries": 0, "cancel_on_timeout": False},
    "deadline": {"timeout": 20, "retry_delay": timedelta(seconds=25), "max_failed_ratio": 1.0},
    "unhurried": {"retry_delay": timedelta(seconds=8)},
}

for way, options in WAYS.items():
    with DAG(f"job_{way}", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}):

        @task.groq_batch(output_path="{{ dag_run.conf['output_path'] }}", **COMMON | options)
        def create(dag_run=None):
            """The lines of a file, each time that it is called: an id each, and what it asks if that is not the id."""
            for line in Path(dag_run.conf["input_path"]).read_text().splitlines():
                if line == RAISES:
                    raise LookupError("the source is away")
                name, _, asked = line.partition(": ")
                yield {"custom_id": name, "text": f"the {asked or name}"}

        create()
