"""Both clients: a batch is never created twice."""

import pytest

from airflow_provider_groq.api import calls, retry
from airflow_provider_groq.exceptions import GroqAPIError, GroqLostAnswerError, GroqNotFoundError


@pytest.fixture
def create(client, file_id):
    """Sends `POST /batches`."""

    def create(**settings):
        call = calls.create_batch(file_id, endpoint="/v1/chat/completions", completion_window="24h")
        return client(**settings).send(call)

    return create


@pytest.mark.parametrize(
    ("fault", "batches"),
    [
        ({"drop": "before"}, 0),
        ({"drop": "after"}, 1),
        ({"status": 500}, 0),
        ({"status": 500, "takes_effect": True}, 1),
        ({"status": 502, "takes_effect": True, "body": "Bad Gateway"}, 1),
        ({"status": 504, "takes_effect": True}, 1),
        ({"status": 529}, 0),
        ({"takes_effect": True, "body": "<html>", "content_type": "text/html"}, 1),
        ({"takes_effect": True, "body": '{"id": "batc'}, 1),
    ],
    ids=str,
)
def test_nothing_is_sent_again_that_may_have_created_a_batch(groq_emulator, create, fault, batches):
    groq_emulator.fault("/batches", method="POST", times=None, **fault)
    with pytest.raises(
        GroqLostAnswerError, match="POST /batches was lost .* Check https://console.groq.com/batches for a new batch"
    ) as caught:
        create()
    assert not caught.value.retryable
    assert len(groq_emulator.requests("POST", "/batches")) == 1
    assert len(groq_emulator.batches()) == batches


def test_an_answer_that_comes_too_late_is_lost_too(groq_emulator, create):
    groq_emulator.fault("/batches", method="POST", delay=3)
    with pytest.raises(GroqLostAnswerError, match="ReadTimeout"):
        create(timeout=0.1)
    assert len(groq_emulator.requests("POST", "/batches")) == 1


@pytest.mark.parametrize(
    "refusal",
    [{"status": 408}, {"status": 409}, {"status": 429}, {"status": 503, "headers": {"Retry-After": "0"}}],
    ids=lambda refusal: refusal["status"],
)
def test_a_refusal_is_followed_by_another_attempt(groq_emulator, create, refusal):
    groq_emulator.fault("/batches", method="POST", times=2, **refusal)
    batch = create()
    assert len(groq_emulator.requests("POST", "/batches")) == 3
    assert [stored["id"] for stored in groq_emulator.batches()] == [batch.id]


def test_a_server_that_nobody_reached_is_followed_by_another_attempt(late_wire, http, create, monkeypatch):
    def delay(*_):
        late_wire.start()
        return 0.0

    monkeypatch.setattr(retry, "delay", delay)
    late_wire.replies = [http(b'{"id": "batch_1", "status": "validating", "created_at": 1}')]
    assert create(base_url=late_wire.url, max_retries=1).id == "batch_1"
    assert [head.splitlines()[0] for head in late_wire.heads] == ["POST /openai/v1/batches HTTP/1.1"]


def test_a_doubt_after_a_refusal_ends_the_attempts(groq_emulator, create):
    groq_emulator.fault("/batches", method="POST", status=429)
    groq_emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(GroqLostAnswerError):
        create()
    assert len(groq_emulator.requests("POST", "/batches")) == 2
    assert len(groq_emulator.batches()) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_an_error_that_stays_is_not_doubted(groq_emulator, create, status):
    groq_emulator.fault("/batches", method="POST", status=status)
    with pytest.raises(GroqAPIError) as caught:
        create()
    assert caught.value.status_code == status
    assert len(groq_emulator.requests("POST", "/batches")) == 1


@pytest.mark.parametrize("drop", ["before", "after"])
def test_what_costs_nothing_is_sent_again(groq_emulator, create, client, drop):
    batch = create()
    groq_emulator.fault(f"/batches/{batch.id}/cancel", drop=drop, times=2)
    assert client().send(calls.cancel_batch(batch.id)).status == "cancelling"
    assert len(groq_emulator.requests("POST", f"/batches/{batch.id}/cancel")) == 3


def test_an_input_file_that_is_not_found_is_said_to_be_what_is_wrong(groq_emulator, client):
    call = calls.create_batch("file_nope", endpoint="/v1/chat/completions", completion_window="24h")
    with pytest.raises(
        GroqNotFoundError, match="No such File object: file_nope. Check the id, and that the key of the connection"
    ):
        client().send(call)
    assert len(groq_emulator.requests()) == 1
