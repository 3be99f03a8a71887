"""Dags with one sensor each, whose batch comes from the run."""

from airflow.sdk import DAG

from airflow_provider_groq.sensors.batch import GroqBatchSensor

for way, options in {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferred": {"deferrable": True},
}.items():
    with DAG(f"sense_{way}", schedule=None):
        GroqBatchSensor(task_id="sense", batch_id="{{ dag_run.conf['batch_id'] }}", poll_interval=0.1, **options)

for way, options in {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferred": {"deferrable": True},
}.items():
    for soft_fail in (False, True):
        with DAG(f"time_out_{way}_{'soft' if soft_fail else 'hard'}", schedule=None):
            GroqBatchSensor(
                task_id="sense",
                batch_id="{{ dag_run.conf['batch_id'] }}",
                poll_interval=0.2,
                timeout=0.5,
                soft_fail=soft_fail,
                **options,
            )
