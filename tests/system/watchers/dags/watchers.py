"""Assets whose watchers tell of batches that have ended, each with a Dag that waits for it."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_groq.triggers.batch import GroqBatchEventTrigger

POLL_INTERVAL = 3.0

WATCHED = {
    "every_end": {},
    "ours": {"metadata": {"project": "ours"}},
    "one_twin": {"metadata": {"project": "ours"}, "statuses": ["completed", "failed"]},
    "other_twin": {"metadata": {"project": "ours"}, "statuses": ["failed", "completed"]},
    "failures": {"statuses": ["failed"]},
    "of_no_connection": {"groq_conn_id": "groq_nowhere"},
}
"""What is watched, by asset; the twins are equal."""

for name, options in WATCHED.items():
    trigger = GroqBatchEventTrigger(poll_interval=POLL_INTERVAL, **options)
    asset = Asset(name, watchers=[AssetWatcher(name=f"{name}_watcher", trigger=trigger)])
    with DAG(f"on_{name}", schedule=[asset]):
        EmptyOperator(task_id="woken")
