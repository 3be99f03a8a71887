"""Dags that ask Groq through common-ai's decorator and operator, which may not be installed."""

from contextlib import suppress

from airflow.sdk import DAG, task

with suppress(ImportError):
    # what to write
    from airflow.providers.common.ai.operators.llm_batch import LLMBatchOperator

    OPTIONS = {
        "llm_conn_id": "{{ dag_run.conf['connection'] }}",
        "model_id": "groq:openai/gpt-oss-20b",
        "output_type": list[int],
    }

    for way, deferrable in {"worker": False, "deferred": True}.items():
        with DAG(f"llm_batch_{way}", schedule=None):

            @task.llm_batch(result_path="{{ dag_run.conf['path'] }}/decorated", deferrable=deferrable, **OPTIONS)
            def ask():
                """The prompts."""
                return ["How many legs has a spider?", "And a hen?", "And a snake?"]

            operator = LLMBatchOperator(
                task_id="operator",
                requests=["How many legs has a spider?", "And a hen?", "And a snake?"],
                result_path="{{ dag_run.conf['path'] }}/operator",
                deferrable=deferrable,
                **OPTIONS,
            )
            ask() >> operator
    # end
