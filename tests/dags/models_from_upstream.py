"""Dags of jobs whose model and endpoint come from another task."""

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

OUTPUT = "{{ dag_run.conf['output_path'] }}/{{ ti.task_id }}/{{ ti.map_index }}"
PROMPT = "Sentiment of: {text}"
ROWS = [{"text": "good"}]


@task
def model(dag_run=None):
    return dag_run.conf["model"]


@task
def endpoint(dag_run=None):
    return dag_run.conf.get("endpoint", "/v1/chat/completions")


with DAG("model_from_upstream", schedule=None):
    named, path = model(), endpoint()

    @task.groq_batch(
        model=named,
        endpoint=path,
        output_path=OUTPUT,
        prompt_template=PROMPT,
        output_type=bool,
        prices={"openai/gpt-oss-120b": {"input": 0.1, "output": 0.1}},
        max_cost=1.0,
    )
    def decorated():
        return ROWS

    @task.groq_batch(model=named, output_path=OUTPUT, prompt_template=PROMPT)
    def mapped(text):
        yield {"text": text}

    decorated()
    mapped.expand(text=["good", "bad"])
    GroqBatchInferenceOperator(
        task_id="plain", rows=ROWS, model=named, endpoint=path, output_path=OUTPUT, prompt_template=PROMPT
    )
    GroqBatchInferenceOperator.partial(
        task_id="mapped_plain", model=named, endpoint=path, output_path=OUTPUT, prompt_template=PROMPT
    ).expand(rows=[ROWS, ROWS])

with DAG("wrong_from_upstream", schedule=None):
    GroqBatchInferenceOperator(
        task_id="plain", rows=ROWS, model=model(), endpoint=endpoint(), output_path=OUTPUT, prompt_template=PROMPT
    )
