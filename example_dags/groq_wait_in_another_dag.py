"""How do I create a batch in one Dag and wait for it in another?"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator
from airflow_provider_groq.sensors.batch import GroqBatchSensor

with DAG("groq_wait_here", schedule=None, tags=["groq"], doc_md=__doc__, params={"batch_id": Param(type="string")}):
    GroqBatchSensor(
        task_id="wait",
        batch_id="{{ params.batch_id }}",
        deferrable=True,
        doc_md="Waits for a batch that another Dag has made.",
    )

with DAG("groq_create_here", schedule=None, tags=["groq"], doc_md=__doc__):
    create = GroqCreateBatchOperator(
        task_id="create",
        doc_md="A batch that another Dag waits for.",
        requests=[
            {
                "custom_id": "greeting",
                "body": {
                    "model": "openai/gpt-oss-20b",
                    "messages": [{"role": "user", "content": "Greet the other Dag."}],
                },
            }
        ],
        wait_for_completion=False,
    )

    TriggerDagRunOperator(task_id="hand_over", trigger_dag_id="groq_wait_here", conf={"batch_id": create.output})
