"""A job whose model and endpoint another task returns, on real Airflow."""

import pytest
from airflow.sdk import DAG, task

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

LARGE = "openai/gpt-oss-120b"


def test_the_model_is_what_the_other_task_returned_also_when_mapped(run_dag, groq_emulator, tmp_path):
    groq_emulator.set(seconds=0)
    ran = run_dag("model_from_upstream", output_path=str(tmp_path), model=LARGE)
    assert ran.state == "success"
    for task_id, indexes in {"plain": [-1], "decorated": [-1], "mapped": [0, 1], "mapped_plain": [0, 1]}.items():
        for index in indexes:
            (manifest,) = ran.xcom(task_id, map_index=index)
            assert manifest["rows"]["succeeded"] == 1
            assert manifest["tokens"].keys() == {LARGE}


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"model": 7}, "model must be non-empty text, but is 7"),
        ({"model": [LARGE]}, "model must be non-empty text, but is ['openai/gpt-oss-120b']"),
        ({"model": None}, "prompt_template needs model"),
        ({"model": LARGE, "endpoint": "/v1/embeddings"}, "endpoint is '/v1/embeddings', but must be one of"),
        ({"model": LARGE, "endpoint": "/v1/audio/translations"}, "prompt_template is for /v1/chat/completions, but"),
    ],
)
def test_what_is_wrong_with_it_is_said_when_the_task_runs_and_nothing_is_sent(
    run_dag, groq_emulator, tmp_path, returned, message
):
    ran = run_dag("wrong_from_upstream", output_path=str(tmp_path), **returned)
    assert ran.task("plain").state == "failed"
    assert message in ran.log
    assert groq_emulator.requests("POST") == []


def test_max_cost_cannot_be_enforced_for_an_audio_endpoint_that_only_the_run_names(stored_job):
    options = {
        "rows": [{"audio_url": "https://example.com/call.mp3"}],
        "prompt_template": None,
        "model": "whisper-large-v3",
        "endpoint": "{{ endpoint }}",
        "prices": {"whisper-large-v3": {"input": 1.0, "output": 1.0}},
        "max_cost": 1.0,
    }
    operator = stored_job.operator(**options)
    operator.render_template_fields({"endpoint": "/v1/audio/transcriptions"})
    with pytest.raises(AirflowFailException, match="max_cost cannot be enforced for /v1/audio/transcriptions"):
        operator.execute(stored_job.context())
    assert stored_job.emulator.requests("POST") == []


def test_what_is_no_template_field_cannot_come_from_another_task():
    @task
    def pick():
        return "text"

    with DAG("dag", schedule=None), pytest.raises(GroqInputError, match="system_prompt must be non-empty text, but is"):
        GroqBatchInferenceOperator(
            task_id="create", rows=["a"], model=LARGE, output_path="/nowhere", system_prompt=pick()
        )
