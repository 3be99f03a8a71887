"""The create operator against the emulator: what it sends, what it waits for, what it refuses."""

import asyncio
import io
import json
import re
import time
from contextlib import nullcontext
from datetime import timedelta

import pytest
from airflow.sdk import ObjectStoragePath
from airflows import TaskDeferred

from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.exceptions import GroqBatchFailedError, GroqBatchResultsPendingError, GroqInputError
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.links.batch import GroqBatchLink

LINE = {
    "custom_id": "one",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}


def lines(*changes):
    """A file of one line for each dict of changes to a good line."""
    return "".join(json.dumps(LINE | {"custom_id": f"row-{n}"} | change) + "\n" for n, change in enumerate(changes, 1))


def test_returns_the_batch_id_when_the_batch_is_done(create, context, groq_emulator):
    groq_emulator.set(seconds=0.2)
    batch_id = create().execute(context)
    (batch,) = groq_emulator.batches()
    assert batch["id"] == batch_id
    assert batch["status"] == "completed"


def test_batch_id_and_link_are_in_xcom_before_the_wait(create, context, ti, groq_emulator):
    groq_emulator.set(seconds=1000)
    with pytest.raises(AirflowFailException, match="GroqBatchTimeoutError"):
        create(timeout=0.2).execute(context)
    (batch,) = groq_emulator.batches()
    assert ti.pushed["batch_id"] == batch["id"]
    assert batch["id"] in ti.pushed[GroqBatchLink().xcom_key]


def test_pushes_nothing_where_xcom_is_not_wanted(create, context, ti):
    create(do_xcom_push=False, wait_for_completion=False).execute(context)
    assert ti.pushed == {}


def test_does_not_wait_where_told_so(create, context, groq_emulator):
    groq_emulator.set(seconds=1000)
    batch_id = create(wait_for_completion=False).execute(context)
    assert [b["id"] for b in groq_emulator.batches()] == [batch_id]
    assert [request.path for request in groq_emulator.requests("GET")] == ["/openai/v1/models"]


def test_sends_what_was_asked_for(create, context, groq_emulator):
    create(completion_window="7d", metadata={"team": "data"}, wait_for_completion=False).execute(context)
    (batch,) = groq_emulator.batches()
    assert batch["endpoint"] == "/v1/chat/completions"
    assert batch["metadata"]["team"] == "data"
    assert batch["expires_at"] - batch["created_at"] == 7 * 24 * 3600


def test_uploads_a_file_as_it_is(create, context, groq_emulator, tmp_path):
    path = tmp_path / "my requests.jsonl"
    path.write_text(lines({}, {"body": {"model": "m", "messages": [], "note": "{{ x }} \u202eشمس\ud83c\udf1e"}}))
    create(input_path=str(path), wait_for_completion=False).execute(context)
    (file,) = groq_emulator.files()
    assert re.fullmatch(r"my requests\.\w{32}\.\w{32}\.jsonl", file["filename"])
    assert groq_emulator.file_content(file["id"]) == path.read_bytes()


def test_reads_object_storage(create, context, groq_emulator, memory_storage):
    path = f"{memory_storage}/requests.jsonl"
    with ObjectStoragePath(path).open("wb") as file:
        file.write(lines({}).encode())
    create(input_path=path, wait_for_completion=False).execute(context)
    (file,) = groq_emulator.files()
    assert groq_emulator.file_content(file["id"]) == lines({}).encode()


def test_takes_a_file_that_is_at_groq_already(create, context, groq_emulator, make_batch):
    make_batch()
    (file,) = groq_emulator.files()
    create(input_file_id=file["id"], wait_for_completion=False).execute(context)
    assert len(groq_emulator.files()) == 1
    assert len(groq_emulator.batches()) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"requests": [LINE], "input_path": "x"}, "input_path and requests were"),
        ({"requests": None}, "none was"),
        ({"input_path": ""}, "none was"),
    ],
)
def test_takes_exactly_one_input(create, given, said):
    with pytest.raises(GroqInputError, match=said):
        create(**given)


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
@pytest.mark.parametrize("value", [0, -1, "60", True, float("nan"), float("inf"), 1e300, timedelta(0), timedelta.max])
def test_seconds_are_a_number_above_0_and_up_to_10_years(create, name, value):
    message = f"^{name} must be a number of seconds or a timedelta, above 0 and up to 315,360,000 s, but is "
    with pytest.raises(GroqInputError, match=message):
        create(**{name: value})


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
def test_seconds_may_be_a_timedelta(create, name):
    assert getattr(create(**{name: timedelta(minutes=2)}), name) == 120.0


def test_an_input_that_renders_to_nothing_is_refused(create, context, groq_emulator):
    operator = create(input_path="{{ nothing }}")
    operator.input_path = ""
    with pytest.raises(AirflowFailException, match="none was. Was the upstream task skipped"):
        operator.execute(context)
    assert not groq_emulator.requests()


BAD_FILES = {
    "empty": ("", "is empty"),
    "only blank lines": ("\n\n", "has no requests"),
    "not JSON": (lines({}) + "{oops\n", r"Line 2: is not JSON .*oops"),
    "no object": ("1\n", "Line 1: must be a JSON object"),
    "missing custom_id": ('{"method": "POST"}\n', "Line 1: custom_id is missing"),
    "repeated custom_id": (lines({}, {"custom_id": "row-1"}), "Line 2: custom_id 'row-1' was already used in line 1"),
    "wrong method": (lines({"method": "GET"}), "Line 1: method is 'GET', but must be 'POST'"),
    "wrong url": (lines({}, {"url": "/v1/embeddings"}), "Line 2: url is '/v1/embeddings', but must be one of"),
    "no model": (lines({"body": {}}), "Line 1: body.model is None"),
    "streamed": (lines({"body": {"model": "m", "stream": True}}), "Line 1: body.stream is True"),
}


@pytest.mark.parametrize(("content", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_nothing_sent(create, context, groq_emulator, tmp_path, content, said):
    path = tmp_path / "requests.jsonl"
    path.write_text(content)
    with pytest.raises(AirflowFailException, match=said):
        create(input_path=str(path)).execute(context)
    assert not groq_emulator.requests()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"input_path": "no/such.jsonl"}, "no/such.jsonl is missing"),
        ({"input_path": "."}, "is a folder"),
        (
            {"input_path": "nowhere://bucket/a.jsonl"},
            "Airflow has no filesystem for nowhere:// here .* Install the Airflow provider",
        ),
        ({"endpoint": "/v1/embeddings"}, "endpoint is '/v1/embeddings', but must be one of"),
        ({"completion_window": "12h"}, "completion_window is '12h', but must be from '24h' to '7d'"),
        ({"completion_window": "8d"}, "completion_window is '8d'"),
        ({"completion_window": "1 day"}, "completion_window is '1 day'"),
        ({"metadata": {"rows": 3}}, r"metadata\['rows'\] is 3, but keys and values must be text"),
        ({"metadata": ["a"]}, "metadata must be a dict"),
        ({"requests": {"custom_id": "a"}}, "requests must be a list"),
        ({"requests": ["hello"]}, "Line 1: a request must be a JSON object"),
        ({"requests": [{"body": {"model": "m"}}]}, "Line 1: custom_id is missing"),
        ({"requests": [{"custom_id": "a", "body": {"model": {1, 2}}}]}, "Line 1: cannot be written as JSON"),
        ({"requests": []}, "has no requests"),
    ],
)
def test_bad_options_are_refused_with_nothing_sent(create, context, groq_emulator, options, said):
    with pytest.raises(AirflowFailException, match=said):
        create(**options).execute(context)
    assert not groq_emulator.requests()


def test_a_file_over_the_limit_is_refused_with_nothing_sent(create, context, groq_emulator, monkeypatch, tmp_path):
    connection = json.loads(groq_emulator.connection_json) | {"extra": {"max_file_bytes": 1000}}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(connection))
    path = tmp_path / "requests.jsonl"
    path.write_text(lines(*[{}] * 20))
    with pytest.raises(AirflowFailException, match="at most 1,000 are accepted"):
        create(input_path=str(path)).execute(context)
    with pytest.raises(AirflowFailException, match="larger than 1,000 bytes, reached in line"):
        create(requests=[LINE | {"custom_id": str(n)} for n in range(20)]).execute(context)
    assert not groq_emulator.requests()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": ""}, "Connection 'groq_default': There is no API key"),
        ({"host": "ftp://api.groq.com"}, "must begin with https://"),
        ({"host": "api.groq.com"}, "must begin with https://"),
        ({"host": "http://api.groq.com"}, "plain HTTP to another machine"),
    ],
)
def test_a_bad_connection_fails_for_good(create, context, groq_emulator, monkeypatch, change, said):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(json.loads(groq_emulator.connection_json) | change))
    with pytest.raises(AirflowFailException, match=said):
        create().execute(context)
    assert not groq_emulator.requests()


def test_a_wrong_key_fails_for_good_and_is_not_shown(create, context, monkeypatch):
    with GroqEmulator(api_key="gsk_right") as emulator:
        connection = json.loads(emulator.connection_json) | {"password": "gsk_wrong"}
        monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(connection))
        with pytest.raises(AirflowFailException, match="401 invalid_api_key: .* Check the API key") as failed:
            create().execute(context)
    assert "gsk_wrong" not in str(failed.value)


def test_a_plan_without_batches_fails_for_good(create, context, groq_emulator):
    groq_emulator.set(plan_has_batch=False)
    with pytest.raises(
        AirflowFailException, match="403 not_available_for_plan: .*Check that the plan of .* includes the Batch API"
    ):
        create().execute(context)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_creation_is_sent_again(create, context, groq_emulator, status):
    groq_emulator.fault("/batches", method="POST", status=status, times=2)
    create(wait_for_completion=False).execute(context)
    assert len(groq_emulator.batches()) == 1
    assert len(groq_emulator.requests("POST", "/batches")) == 3


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
@pytest.mark.parametrize("deferrable", [True, False])
def test_the_deadline_cancels_only_if_asked(create, context, groq_emulator, deferrable, cancel_on_timeout):
    groq_emulator.set(seconds=1000)
    operator = create(timeout=0.3, cancel_on_timeout=cancel_on_timeout, deferrable=deferrable)
    said = "It was cancelled" if cancel_on_timeout else "It keeps running at Groq"
    with pytest.raises(AirflowFailException, match=f"GroqBatchTimeoutError: .*had not ended at the deadline, .*{said}"):
        run(operator, context)
    (batch,) = groq_emulator.batches()
    assert (batch["status"] in {"cancelling", "cancelled"}) == cancel_on_timeout


async def payload(trigger):
    """What Airflow hands over of the trigger's only event."""
    (event,) = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


def run(operator, context):
    """Execute as Airflow does, deferral and all."""
    try:
        return operator.execute(context)
    except TaskDeferred as deferred:
        return getattr(operator, deferred.method_name)(
            context, asyncio.run(payload(deferred.trigger)), **(deferred.kwargs or {})
        )


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_a_batch_that_ended_after_the_last_look_counts(create, context, groq_emulator, cancel_on_timeout):
    """Between a trigger's event and the worker that resumes it lie seconds or minutes."""
    operator = create(cancel_on_timeout=cancel_on_timeout, wait_for_completion=False)
    batch_id = operator.execute(context)
    groq_emulator.advance(1000)
    end = WaitEnd(batch_id=batch_id, reason="timeout", message="too long")
    assert operator.execute_complete(context, BatchEvent(ends=(end,)).payload()) == batch_id


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_a_batch_that_somebody_cancelled_after_the_last_look_is_said_to_be(
    create, context, groq_emulator, cancel_on_timeout
):
    operator = create(cancel_on_timeout=cancel_on_timeout, wait_for_completion=False)
    batch_id = operator.execute(context)
    groq_emulator.force_status(batch_id, "cancelled")
    end = WaitEnd(batch_id=batch_id, reason="timeout", message="too long")
    with pytest.raises(AirflowFailException, match="GroqBatchCancelledError: .*was cancelled: by a task"):
        operator.execute_complete(context, BatchEvent(ends=(end,)).payload())


def test_xcom_that_fails_leaves_no_batch_alone(create, context, ti, groq_emulator, mocker):
    mocker.patch.object(ti, "xcom_push", side_effect=RuntimeError("no Airflow"))
    groq_emulator.set(seconds=0.2)
    assert create().execute(context) == groq_emulator.batches()[0]["id"]


def test_an_input_file_that_is_not_found_at_first_is_tried_again(create, context, groq_emulator):
    groq_emulator.fault("/batches", method="POST", status=404, times=2)
    create(wait_for_completion=False).execute(context)
    assert len(groq_emulator.batches()) == 1


def test_requests_that_can_be_read_only_once_are_refused(create):
    with pytest.raises(GroqInputError, match="requests is a generator, which can be read only once"):
        create(requests=(row for row in [LINE]))


def test_default_deadline_is_the_completion_window_and_an_hour(create, context, groq_emulator):
    groq_emulator.set(seconds=1000)
    operator = create(completion_window="2d", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert deferred.value.timeout is None
    left = deferred.value.trigger.end_time - time.time()
    assert left == pytest.approx(2 * 24 * 3600 + 3600, abs=10)


def test_what_passes_is_ridden_out(create, context, groq_emulator):
    groq_emulator.set(seconds=0.2)
    for fault in ({"status": 500}, {"drop": "before"}, {"status": 429, "headers": {"Retry-After": "0"}}):
        groq_emulator.fault("/batches/*", method="GET", **fault)
    groq_emulator.fault("/batches/*", method="GET", status=404, json={"error": {"message": "no", "type": "x"}})
    groq_emulator.fault("/batches/*", method="GET", status=200, body="<html>", content_type="text/html")
    assert create().execute(context) == groq_emulator.batches()[0]["id"]


def test_a_key_revoked_while_waiting_ends_the_wait(create, context, groq_emulator):
    groq_emulator.set(seconds=1000)
    groq_emulator.fault("/batches/*", method="GET", status=401, times=None)
    with pytest.raises(AirflowFailException, match="GroqBatchUnknownError: .*401"):
        create().execute(context)


def test_groqs_line_errors_are_in_the_exception(create, context, groq_emulator):
    groq_emulator.set(max_lines=2, seconds=0.2)
    rows = [LINE | {"custom_id": str(number)} for number in range(3)]
    with pytest.raises(AirflowFailException, match="Batch batch_.* failed: .* Fix what the reason names") as failed:
        create(requests=rows).execute(context)
    (batch,) = groq_emulator.batches()
    assert batch["errors"]["data"][0]["message"] in str(failed.value)


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("outcome", ["completed", "expired", "failed", "cancelled"])
def test_the_input_file_is_deleted_when_the_batch_has_ended(create, context, groq_emulator, deferrable, outcome):
    groq_emulator.set(seconds=0.3, outcome=outcome)
    operator = create(delete_files=True, deferrable=deferrable)
    if outcome in {"failed", "cancelled", "expired"}:
        # What a failed batch says here is a reason to try again.
        with pytest.raises(GroqBatchFailedError if outcome == "failed" else AirflowFailException):
            run(operator, context)
    else:
        run(operator, context)
    assert "batch" not in [file["purpose"] for file in groq_emulator.files()]


@pytest.fixture
def given(groq_emulator):
    """The id of an input file that is at Groq already."""
    with GroqHook() as hook:
        return hook.upload_file(io.BytesIO(lines({}).encode())).id


@pytest.mark.parametrize("outcome", ["completed", "expired", "failed", "cancelled"])
def test_a_given_input_file_is_deleted_only_after_a_good_end(create, context, groq_emulator, given, outcome):
    groq_emulator.set(seconds=0.3, outcome=outcome)
    operator = create(requests=None, input_file_id=given, delete_files=True)
    with nullcontext() if outcome == "completed" else pytest.raises((GroqBatchFailedError, AirflowFailException)):
        run(operator, context)
    kept = [file["id"] for file in groq_emulator.files() if file["purpose"] == "batch"]
    assert kept == ([] if outcome == "completed" else [given])


def test_a_retry_after_a_transient_failure_still_has_a_given_input_file(create, context, groq_emulator, given):
    groq_emulator.set(seconds=0.3, outcome="failed")
    options = {"requests": None, "input_file_id": given, "delete_files": True}
    with pytest.raises(GroqBatchFailedError):
        run(create(**options), context)
    groq_emulator.set(outcome="completed")
    run(create(**options), context)
    assert {batch["input_file_id"] for batch in groq_emulator.batches()} == {given}
    assert "batch" not in [file["purpose"] for file in groq_emulator.files()]


def test_the_input_file_is_kept_until_the_result_files_are_there(create, context, groq_emulator):
    """Where a server drops the metadata, a retry finds the batch by the name of this file."""
    groq_emulator.set(seconds=0.1)
    late = {"output_file_id": None, "error_file_id": None}
    groq_emulator.fault("/batches/*", method="GET", times=None, merge=late)
    groq_emulator.fault("/batches", method="GET", times=None, merge=late)
    with pytest.raises(GroqBatchResultsPendingError):
        run(create(delete_files=True), context)
    assert "batch" in [file["purpose"] for file in groq_emulator.files()]


def test_the_input_file_of_a_batch_that_goes_on_is_kept(create, context, groq_emulator):
    groq_emulator.set(seconds=1000)
    with pytest.raises(AirflowFailException, match="It keeps running at Groq"):
        create(delete_files=True, timeout=0.2, cancel_on_timeout=False).execute(context)
    assert len(groq_emulator.files()) == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_file_that_cannot_be_deleted_fails_nothing(create, context, groq_emulator, quick_retries, status):
    groq_emulator.set(seconds=0.2)
    groq_emulator.fault("/files/*", method="DELETE", status=status, times=None)
    assert create(delete_files=True).execute(context) == groq_emulator.batches()[0]["id"]


def test_a_file_cannot_be_deleted_at_an_end_that_nobody_waits_for(create):
    with pytest.raises(GroqInputError, match="delete_files=True needs wait_for_completion=True"):
        create(delete_files=True, wait_for_completion=False)


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_end_without_its_files_is_waited_for(create, context, groq_emulator, deferrable):
    """As gateways show it for some seconds."""
    groq_emulator.set(seconds=0.1)
    late = {"output_file_id": None, "error_file_id": None}
    groq_emulator.fault("/batches/*", method="GET", times=4, merge=late)
    groq_emulator.fault("/batches", method="GET", times=4, merge=late)
    assert run(create(deferrable=deferrable), context) == groq_emulator.batches()[0]["id"]


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize(
    "counts", [{"total": 1, "completed": 1, "failed": 0}, {"total": 0, "completed": 0, "failed": 0}]
)
def test_an_end_that_never_gets_its_files_is_an_error_for_a_retry_which_pays_nothing(
    create, context, groq_emulator, deferrable, counts
):
    groq_emulator.set(seconds=0.1)
    late = {"output_file_id": "", "error_file_id": None, "request_counts": counts}
    fault = groq_emulator.fault("/batches/*", method="GET", times=None, merge=late)
    with pytest.raises(GroqBatchResultsPendingError, match="The file may still appear"):
        run(create(deferrable=deferrable), context)
    groq_emulator.remove_fault(fault)
    run(create(deferrable=deferrable), context)
    assert len(groq_emulator.batches()) == 1


def test_a_batch_that_failed_for_a_transient_cause_is_made_again_by_a_retry(create, context, groq_emulator):
    groq_emulator.set(seconds=0.1)
    errors = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued tokens."}]}
    fault = groq_emulator.fault("/batches/*", method="GET", times=None, merge={"status": "failed", "errors": errors})
    with pytest.raises(GroqBatchFailedError, match="token_limit_exceeded: Enqueued.*a retry creates a new batch"):
        create().execute(context)
    groq_emulator.remove_fault(fault)
    first = groq_emulator.batches()[0]["id"]
    groq_emulator.force_status(first, "failed")
    create().execute(context)
    assert len(groq_emulator.batches()) == 2


def test_a_failure_says_why_requests_failed(create, context, groq_emulator):
    groq_emulator.set(seconds=0.1)
    wrong = LINE["body"] | {"model": "no-such-model"}
    why = (
        r"Reasons: 2 of 2: 404 model_not_found \(The model `no-such-model` does not exist.*\), such as \w+\. The reason"
    )
    with pytest.raises(AirflowFailException, match=why):
        create(requests=[LINE | {"custom_id": id_, "body": wrong} for id_ in ("one", "two")]).execute(context)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 404}, {"drop": "before"}, {"body": "{malformed"}])
def test_reasons_that_cannot_be_read_change_no_outcome(create, context, groq_emulator, fault):
    groq_emulator.set(seconds=0.1, failing_requests={"two": 500})
    groq_emulator.fault("/files/*/content", times=None, **fault)
    assert create(requests=[LINE, LINE | {"custom_id": "two"}]).execute(context)
