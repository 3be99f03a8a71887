"""How a batch stands and what became of its requests, whatever a server makes of it."""

import pytest

from airflow_provider_groq.exceptions import (
    GroqBatchNotEndedError,
    GroqBatchResultsPendingError,
    GroqNotFoundError,
    GroqResponseError,
)


@pytest.fixture
def ended(groq_emulator, submit):
    """Makes a batch that ends as the emulator is set."""

    def make(**settings):
        groq_emulator.set(seconds=0, **settings)
        return submit()

    return make


def statuses(adapter, batch_id):
    return [(item.index, item.provider_status) for item in adapter.iter_results(batch_id)]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *[(name, "in_progress") for name in ("validating", "in_progress", "finalizing", "cancelling", "paused")],
        *[(name, name) for name in ("completed", "failed", "expired", "cancelled")],
    ],
)
def test_each_status_is_told_in_common_ais_words(groq_emulator, adapter, submit, status, state):
    batch_id = submit()
    groq_emulator.force_status(batch_id, status, processed=0 if status == "failed" else 3)
    assert adapter.get_batch(batch_id).status == state


def test_what_was_not_done_counts_as_the_batch_ended(groq_emulator, adapter, submit):
    batch_id = submit()
    groq_emulator.force_status(batch_id, "expired", processed=1)
    counts = {"succeeded": 1, "errored": 0, "expired": 2, "cancelled": 0}
    assert adapter.get_batch(batch_id).counts == counts
    groq_emulator.force_status(batch_id, "cancelled", processed=1)
    assert adapter.get_batch(batch_id).counts == counts | {"expired": 0, "cancelled": 2}


def test_a_server_that_does_not_count_is_taken_at_its_files(groq_emulator, adapter, ended):
    batch_id = ended(failing_requests={"*-1": 400})
    groq_emulator.fault("/batches/*", method="GET", times=None, merge={"request_counts": None})
    assert adapter.get_batch(batch_id).counts is None
    assert statuses(adapter, batch_id) == [(0, "success"), (1, "errored"), (2, "success")]


def test_a_batch_without_its_files_is_waited_for(adapter, ended, monkeypatch):
    """Some servers show its end before them."""
    batch_id = ended(results_delay=1000)
    assert adapter.get_batch(batch_id).status == "in_progress"
    monkeypatch.setattr("airflow_provider_groq.batches.polling.RESULTS_GRACE", 0.0)
    assert adapter.get_batch(batch_id).status == "completed"
    with pytest.raises(GroqBatchResultsPendingError, match="may still appear"):
        adapter.iter_results(batch_id)


def test_an_answer_that_the_counts_promise_and_no_file_has_is_an_error(adapter, ended):
    """Else it would be told as missing, though it is paid."""
    with pytest.raises(GroqResponseError, match="lack lines"):
        adapter.iter_results(ended(failing_requests={"*-1": "line_lost"}))


def test_a_request_that_no_count_and_no_line_tells_of_is_left_for_common_ai_to_miss(adapter, ended):
    batch_id = ended(failing_requests={"*-1": "line_missing"})
    assert statuses(adapter, batch_id) == [(0, "success"), (2, "success")]


@pytest.mark.parametrize("flaw", ["line_repeated", "line_foreign"])
def test_a_line_too_many_is_left_out_and_told(adapter, ended, caplog, flaw):
    batch_id = ended(failing_requests={"*-1": flaw})
    assert statuses(adapter, batch_id) == [(index, "success") for index in range(3)]
    assert "They are ignored." in caplog.text


@pytest.mark.parametrize(("failure", "status"), [("batch_expired", "expired"), ("batch_cancelled", "cancelled")])
def test_a_request_that_was_not_run_says_so(adapter, ended, failure, status):
    batch_id = ended(failing_requests={"*-2": failure})
    assert statuses(adapter, batch_id)[2] == (2, status)


def test_results_are_there_without_metadata(adapter, ended):
    batch_id = ended(drop_metadata=True)
    assert [item.custom_id for item in adapter.iter_results(batch_id)] == [f"0123456789abcdef-{n}" for n in range(3)]


def test_a_failed_batch_with_answers_is_landed(groq_emulator, adapter, ended):
    """What has an answer is paid, and of a failed batch common-ai lands nothing."""
    batch_id = ended()
    groq_emulator.fault("/batches/*", method="GET", times=None, merge={"status": "failed"})
    assert adapter.get_batch(batch_id).status == "completed"
    assert len(statuses(adapter, batch_id)) == 3


def test_a_batch_under_way_has_no_results(groq_emulator, adapter, submit):
    groq_emulator.set(seconds=1000)
    with pytest.raises(GroqBatchNotEndedError, match="only after it has ended"):
        adapter.iter_results(submit())


def test_a_file_that_is_gone_is_an_error_before_the_first_result(groq_emulator, adapter, ended, quick):
    batch_id = ended()
    groq_emulator.fault("/files/**", method="GET", times=None, status=404)
    with pytest.raises(GroqNotFoundError):
        adapter.iter_results(batch_id)


def test_a_batch_just_made_may_be_not_found_for_a_moment(groq_emulator, adapter, submit, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.batches.polling.FIRST_PAUSE", 0.05)
    batch_id = submit()
    groq_emulator.fault("/batches/*", method="GET", times=2, status=404)
    assert adapter.get_batch(batch_id).status


def test_a_batch_that_does_not_exist_is_told_by_the_status_of_the_error(adapter, quick):
    with pytest.raises(GroqNotFoundError) as raised:
        adapter.get_batch("batch_unknown")
    assert raised.value.status_code == 404


def test_a_cancel_is_sent(groq_emulator, adapter, submit):
    batch_id = submit()
    adapter.cancel_batch(batch_id)
    assert groq_emulator.batches()[0]["status"] in {"cancelling", "cancelled"}


def test_a_client_can_be_handed_over_and_is_closed(groq_emulator):
    from airflow_provider_groq.api.client import GroqClient
    from airflow_provider_groq.api.settings import Settings

    pytest.importorskip("airflow.providers.common.ai.batch", reason="needs airflow-provider-groq[common-ai]")
    from airflow_provider_groq.common_ai.adapter import GroqBatchAdapter

    client = GroqClient(Settings(api_key=groq_emulator.api_key, base_url=groq_emulator.url))
    adapter = GroqBatchAdapter(client=client)
    assert adapter.find_orphaned_batch("key", "fingerprint", "") is None
    adapter.close()
    assert client._http.is_closed
