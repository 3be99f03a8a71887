"""`LLMBatchOperator` with ``model_id="groq:…"``: how its task ends, by how the batch ends."""

import asyncio
import json
import tempfile

import pytest
from airflows import TaskDeferred
from common_ai.conftest import SMALL, fired, imported

from airflow_provider_groq.exceptions import GroqConnectionError, GroqStorageError

exceptions = imported("exceptions")


def test_each_prompt_has_its_answer(tries):
    tries.emulator.answer_with(lambda request: request["body"]["messages"][-1]["content"].upper())
    manifest = tries.run(system_prompt="Be brief.", max_tokens=77, request_params={"temperature": 0.5})
    assert manifest["counts"]["succeeded"] == manifest["request_count"] == 3
    assert [row["output"] for row in tries.rows()] == ["ONE", "TWO", "THREE"]
    (row, *_) = tries.rows()
    assert (row["model"], row["finish_reason"]) == (SMALL, "stop")
    assert row["usage"]["input_tokens"] > 0 < row["usage"]["output_tokens"]
    assert tries.bodies()[0] == {
        "model": SMALL,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}],
        "temperature": 0.5,
        "max_completion_tokens": 77,
    }


def test_what_fails_is_told_by_row_and_in_the_log(tries, caplog):
    tries.emulator.set(failing_requests={"*-1": 498, "*-2": 429})
    manifest = tries.run()
    assert manifest["counts"] == {
        **dict.fromkeys(("invalid_output", "expired", "cancelled", "missing"), 0),
        "succeeded": 1,
        "errored": 2,
    }
    error = tries.rows()[1]["error"]
    assert (error["type"], error["provider_code"], error["stage"]) == (
        "provider_error",
        "capacity_exceeded",
        "provider",
    )
    assert error["message"]
    assert "2 of its 3 requests failed" in caplog.text
    assert "capacity_exceeded" in caplog.text


def test_a_part_that_fails_can_fail_the_task(tries):
    tries.emulator.set(failing_requests={"*-1": 400})
    with pytest.raises(exceptions.LLMBatchPartialFailureError, match="errored=1"):
        tries.run(fail_on_partial_error=True)
    assert [row["status"] for row in tries.rows()] == ["success", "error", "success"]


def test_a_failed_batch_says_why_and_a_retry_makes_another(tries):
    tries.emulator.set(outcomes=["token_limit_exceeded"])
    with pytest.raises(exceptions.LLMBatchJobError, match=r"Batch batch_\w+ failed: token_limit_exceeded"):
        tries.run()
    assert tries.run()["counts"]["succeeded"] == 3
    assert len(tries.emulator.batches()) == 2


def test_of_an_expired_batch_each_request_says_whether_it_was_done(tries):
    tries.emulator.set(outcome="expired", processed_share=0.4)
    manifest = tries.run(list("abcde"))
    assert (manifest["terminal_reason"], manifest["counts"]["succeeded"], manifest["counts"]["expired"]) == (
        "expired",
        2,
        3,
    )
    assert sorted(row["status"] for row in tries.rows()) == 3 * ["expired"] + 2 * ["success"]
    assert {row["error"]["type"] for row in tries.rows() if row["status"] == "expired"} == {"expired"}


def test_of_a_cancelled_batch_what_is_done_is_landed(tries):
    tries.emulator.set(outcome="cancelled", processed_share=0.4)
    with pytest.raises(exceptions.LLMBatchCancelledError, match="cancelled before 3 of 5 requests completed"):
        tries.run(list("abcde"))
    assert sorted(row["status"] for row in tries.rows()) == 3 * ["cancelled"] + 2 * ["success"]


def test_a_wait_that_takes_too_long_cancels_the_batch(tries):
    tries.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(exceptions.LLMBatchTimeoutError, match="was cancelled"):
        tries.run(timeout=1)
    assert [batch["status"] for batch in tries.emulator.batches()] == ["cancelled"]


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    return deferred.value


@pytest.mark.parametrize("connection", ["groq_default", "pydanticai_default"])
def test_deferred(tries, monkeypatch, connection):
    known = json.loads(tries.emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_PYDANTICAI_DEFAULT", json.dumps(known | {"conn_type": "pydanticai"}))
    tries.emulator.set(seconds=0.3)
    context = tries.context()
    operator = tries.operator(llm_conn_id=connection, deferrable=True)
    trigger = deferral(operator, context).trigger
    assert tries.emulator.api_key not in str(trigger.serialize())
    manifest = tries.operator(llm_conn_id=connection).execute_complete(context, fired(trigger))
    assert manifest["counts"]["succeeded"] == 3


def test_a_kill_of_a_deferred_task_cancels_the_batch(tries):
    tries.emulator.set(seconds=1000, cancelling_seconds=0)
    deferred = deferral(tries.operator(deferrable=True), tries.context())
    asyncio.run(deferred.trigger.on_kill())
    assert [batch["status"] for batch in tries.emulator.batches()] == ["cancelled"]


def test_after_a_cancel_the_next_try_fails_and_the_one_after_makes_another_batch(tries):
    """What docs/coming-from.md says of a clear, which common-ai takes for a kill, and of a timeout."""
    tries.emulator.set(seconds=1000, cancelling_seconds=0)
    deferred = deferral(tries.operator(deferrable=True), tries.context())
    asyncio.run(deferred.trigger.on_kill())
    tries.emulator.set(seconds=0)
    with pytest.raises(exceptions.LLMBatchCancelledError, match="a retry submits a new batch"):
        tries.run()
    assert tries.run()["counts"]["succeeded"] == 3
    assert [batch["status"] for batch in tries.emulator.batches()] == ["cancelled", "completed"]


def test_if_all_requests_fail_the_task_succeeds(tries):
    tries.emulator.set(failing_requests={"*": 400})
    assert tries.run()["counts"]["errored"] == 3


def test_a_try_after_a_success_lands_again_what_is_paid(tries):
    first = tries.run()
    second = tries.run()
    assert second["batch_id"] == first["batch_id"]
    assert len(tries.emulator.batches()) == 1


def test_another_input_makes_another_batch(tries):
    tries.emulator.set(seconds=1000, cancelling_seconds=0)
    deferral(tries.operator(deferrable=True), tries.context())
    tries.emulator.set(seconds=0)
    assert tries.run(["four"])["request_count"] == 1
    assert [batch["status"] for batch in tries.emulator.batches()] == ["cancelled", "completed"]


def test_a_batch_that_is_gone_is_made_again(tries, monkeypatch):
    """common-ai tells it by the status of the error."""
    monkeypatch.setattr("airflow_provider_groq.batches.polling.NOT_FOUND_GRACE", 0.2)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.FIRST_PAUSE", 0.05)
    tries.run()
    tries.emulator.reset()
    tries.emulator.set(seconds=0)
    assert tries.run()["counts"]["succeeded"] == 3


def test_too_many_requests_are_refused_before_anything_is_sent(tries):
    with pytest.raises(exceptions.LLMBatchLimitExceededError, match=r"at most 50,000 requests .* 50,001.*expand"):
        tries.run(["x"] * 50_001)
    assert not tries.emulator.requests()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"password": ""}, "There is no API key"),
        ({"host": "http://example.com"}, "plain HTTP"),
        ({"host": "example.com"}, "must begin with https://"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused(tries, monkeypatch, fields, says):
    known = json.loads(tries.emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(known | fields))
    with pytest.raises(GroqConnectionError, match=says):
        tries.run()
    assert not tries.emulator.requests()


def test_where_there_is_no_room_for_requests_the_temporary_file_is_named_and_nothing_is_sent(
    submit, groq_emulator, disk, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    with disk.full(), pytest.raises(GroqStorageError, match=r"in which requests are kept .*No space left on device"):
        submit()
    assert groq_emulator.requests("POST") == []


def test_where_there_is_no_room_for_results_the_temporary_file_is_named(
    submit, adapter, groq_emulator, disk, monkeypatch
):
    groq_emulator.set(seconds=0, answer_chars=15_000)
    batch_id = submit()
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    with pytest.raises(GroqStorageError, match=r"in which results are kept .*No space left on device"):
        adapter.iter_results(batch_id)
    disk.mount("8m")
    assert len([*adapter.iter_results(batch_id)]) == 3
