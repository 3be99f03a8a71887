"""Dags of ``@task.groq_batch``, whose functions get and give rows in every way there is."""

from datetime import timedelta

from airflow.sdk import DAG, task

BRACES = "{{ 1 + 1 }} {% if %} {# no comment #}"
OUTPUT = "{{ dag_run.conf['output_path'] }}/{{ ti.task_id }}/{{ ti.map_index }}"
MODEL = "openai/gpt-oss-20b"


@task
def upstream():
    return [{"custom_id": 7, "text": BRACES}]


@task
def languages():
    return ["French", "German"]


with DAG("decorated", schedule=None):

    @task.groq_batch(model=MODEL, output_path=OUTPUT, prompt_template="Sentiment of: {text}")
    def from_upstream(rows):
        return rows

    @task.groq_batch(model=MODEL, output_path=OUTPUT)
    def generated():
        yield BRACES
        yield {"prompt": "second", "kept": BRACES}

    @task.groq_batch(model=MODEL, output_path=OUTPUT)
    def of_context(greeting, ds, ti=None, **context):
        yield f"{greeting} {ds} {ti.task_id} {context['run_id']}"

    @task.groq_batch(model=MODEL, output_path=OUTPUT)
    def annotated() -> dict:
        return [{"prompt": "first"}]

    @task.groq_batch(model=MODEL, output_path=OUTPUT, deferrable=True, retries=1, retry_delay=timedelta(0))
    def mapped(language, word):
        yield f"{word} in {language}"

    from_upstream(upstream())
    generated()
    of_context("Hello on")
    annotated()
    mapped.partial(word="house").expand(language=languages())
