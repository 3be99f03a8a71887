"""OpenAI's operator does what docs/coming-from.md says of it. Its server is the emulator."""

import asyncio
import json

import pytest
from coming_from.conftest import needs


class OpenAI:
    """OpenAI's operator, whose server is the emulator."""

    def __init__(self, emulator, folder):
        self.emulator = emulator
        path = folder / "requests.jsonl"
        message = {"role": "user", "content": "Where is Berlin?"}
        body = {"model": "openai/gpt-oss-20b", "messages": [message]}
        lines = (
            {"custom_id": f"row-{n}", "method": "POST", "url": "/v1/chat/completions", "body": body} for n in "123"
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        from airflow.providers.openai.hooks.openai import OpenAIHook

        with OpenAIHook().get_conn() as client, path.open("rb") as file:
            self.file_id = client.files.create(file=file, purpose="batch").id

    def run(self, **options):
        """One try."""
        from airflow.providers.openai.operators.openai import OpenAITriggerBatchOperator

        ask = OpenAITriggerBatchOperator(
            task_id="ask", file_id=self.file_id, endpoint="/v1/chat/completions", wait_seconds=0.05, **options
        )
        try:
            return ask.execute({})
        finally:
            ask.hook.conn.close()

    def statuses(self):
        return [batch["status"] for batch in self.emulator.batches()]


@pytest.fixture
def openai(groq_emulator, monkeypatch, tmp_path):
    needs("openai")
    connection = {"conn_type": "openai", "host": f"{groq_emulator.url}/openai/v1", "password": groq_emulator.api_key}
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", json.dumps(connection))
    groq_emulator.set(seconds=0.1, cancelling_seconds=100)
    return OpenAI(groq_emulator, tmp_path)


def test_openais_operator_creates_another_batch_at_each_try(openai):
    assert openai.run() != openai.run()
    assert openai.statuses() == ["completed", "completed"]


@pytest.mark.parametrize("which", ["row-1", "row-*"])
def test_openais_operator_succeeds_if_requests_failed(openai, groq_emulator, which):
    groq_emulator.set(failing_requests={which: "json_validate_failed"})
    batch_id = openai.run()
    (batch,) = groq_emulator.batches()
    assert batch["id"] == batch_id
    assert batch["request_counts"]["failed"] == (1 if which == "row-1" else 3)


def test_openais_operator_fails_with_an_expired_batch_and_can_be_retried(openai, groq_emulator):
    from airflow.providers.openai.exceptions import OpenAIBatchJobException
    from airflow.sdk.exceptions import AirflowFailException

    groq_emulator.set(outcome="expired")
    with pytest.raises(OpenAIBatchJobException) as error:
        openai.run()
    (batch,) = groq_emulator.batches()
    assert batch["request_counts"]["completed"]
    assert batch["id"] in str(error.value)
    assert not isinstance(error.value, AirflowFailException)


def test_openais_operator_cancels_at_its_timeout_and_can_be_retried(openai, groq_emulator):
    from airflow.providers.openai.exceptions import OpenAIBatchTimeout
    from airflow.sdk.exceptions import AirflowFailException

    groq_emulator.set(seconds=1000)
    with pytest.raises(OpenAIBatchTimeout) as error:
        openai.run(timeout=0.2)
    assert openai.statuses() == ["cancelling"]
    assert not isinstance(error.value, AirflowFailException)


def test_a_cancelling_batch_counts_as_cancelled(openai, groq_emulator):
    from airflow.providers.openai.exceptions import OpenAIBatchCancelled
    from airflow.providers.openai.hooks.openai import OpenAIHook

    groq_emulator.set(seconds=1000)
    batch_id = openai.run(wait_for_completion=False)
    hook = OpenAIHook()
    with hook.conn:
        hook.cancel_batch(batch_id)
        with pytest.raises(OpenAIBatchCancelled):
            hook.wait_for_batch(batch_id)
    assert openai.statuses() == ["cancelling"]


def test_a_mark_of_the_deferred_task_cancels_nothing(openai, groq_emulator):
    from airflow.providers.openai.triggers.openai import OpenAIBatchTrigger
    from airflow.triggers.base import BaseTrigger

    if not hasattr(BaseTrigger, "on_kill"):
        pytest.skip("below Airflow 3.3 no trigger is told")
    groq_emulator.set(seconds=1000)
    batch_id = openai.run(wait_for_completion=False)
    asyncio.run(OpenAIBatchTrigger("openai_default", batch_id, poll_interval=60, timeout=60).on_kill())
    assert [request.path for request in groq_emulator.requests("POST") if request.path.endswith("/cancel")] == []
