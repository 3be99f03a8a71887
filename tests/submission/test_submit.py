"""One task with one input makes one batch, whatever became of its earlier tries."""

import logging
import re
import time
from itertools import groupby

import pytest

from airflow_provider_groq.batches.identity import INPUT_KEY, TASK_KEY
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqLookupError
from airflow_provider_groq.hooks.groq import GroqHook

OTHER = [{"custom_id": "two", "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "!"}]}}]


UNANSWERABLE = [{"custom_id": "one", "body": {"model": "no-such-model", "messages": OTHER[0]["body"]["messages"]}}]


@pytest.fixture
def sent(groq_emulator):
    """What was asked of Groq since the last question, but for the polling."""

    def sent():
        asked = [f"{request.method} {request.path.removeprefix('/openai/v1')}" for request in groq_emulator.requests()]
        groq_emulator.clear_requests()
        return asked

    return sent


@pytest.fixture
def only_batch(groq_emulator):
    def only_batch():
        (batch,) = groq_emulator.batches()
        return batch["id"]

    return only_batch


def test_a_first_try_with_a_store_asks_for_the_models_alone(stored_tries, sent):
    stored_tries.run()
    assert sent() == ["GET /models", "POST /files", "POST /batches"]


def test_a_first_try_without_a_store_asks_once_more(bare_tries, sent):
    bare_tries.run()
    assert sent() == ["GET /models", "POST /files", "POST /batches", "GET /batches"]


def test_a_fresh_batch_asks_nothing_more(tries, sent):
    for _ in range(2):
        tries.run(reattach=False)
    assert sent() == ["GET /models", "POST /files", "POST /batches"] * 2


def test_a_batch_that_is_noted_is_asked_for_alone(stored_tries, sent):
    batch_id = stored_tries.run()
    sent()
    assert stored_tries.run() == batch_id
    assert sent() == [f"GET /batches/{batch_id}"]


def test_a_batch_that_an_earlier_version_has_noted_is_asked_for_alone(stored_tries, sent):
    """The package may be upgraded while a task waits."""
    batch_id = stored_tries.run()
    noted = stored_tries.rows.pop("groq_batch")
    stored_tries.rows.clear()
    stored_tries.rows[f"groq_batch_{noted.pop('input')}"] = noted
    sent()
    assert stored_tries.run() == batch_id
    assert sent() == [f"GET /batches/{batch_id}"]


def test_a_creation_that_an_earlier_version_has_begun_is_waited_for(stored_tries, groq_emulator, only_batch):
    """It was killed before it knew the batch, and Groq's listing shows that late."""
    stored_tries.run()
    noted = stored_tries.rows.pop("groq_batch")
    stored_tries.rows.clear()
    stored_tries.rows[f"groq_batch_{noted['input']}"] = {"input_file_id": noted["input_file_id"]}
    groq_emulator.fault("/batches", method="GET", json={"object": "list", "data": []}, times=1)
    assert stored_tries.run() == only_batch()


def test_the_tasks_page_has_readable_names_alone(stored_tries):
    batch_id = stored_tries.run()
    assert set(stored_tries.rows) == {"groq_batch", "groq_status"}
    assert {entry["batch_id"] for entry in stored_tries.rows.values()} == {batch_id}


def test_the_next_try_takes_the_batch_up(tries, only_batch):
    assert tries.run() == tries.run() == tries.run() == only_batch()


def test_the_log_says_so_with_id_age_and_status(tries, groq_emulator, capfd):
    batch_id = tries.run()
    groq_emulator.advance(12)
    groq_emulator.fault("/batches**", method="GET", times=None, merge={"created_at": int(time.time()) - 7200})
    tries.forget_the_end()
    capfd.readouterr()
    tries.run()
    log = "".join(capfd.readouterr())
    assert f"Resuming batch {batch_id}: https://console.groq.com" in log
    assert f"An earlier try created this task's batch, 2 h ago. Batch {batch_id}: in_progress, 0 of 1" in log


@pytest.mark.parametrize("forget", ["forget_the_end", "forget"])
def test_a_batch_of_which_nothing_was_written_down_is_found_on_groq(tries, only_batch, sent, forget):
    batch_id = tries.run()
    getattr(tries, forget)()
    sent()
    assert tries.run() == batch_id == only_batch()
    assert sent() == ["GET /batches"]


def test_a_file_that_was_uploaded_is_not_uploaded_again(tries, groq_emulator, only_batch, sent):
    groq_emulator.fault("/batches", method="POST", status=400)
    with pytest.raises(AirflowFailException):
        tries.run()
    sent()
    tries.run()
    assert "POST /files" not in sent()
    assert len(groq_emulator.files()) == 1
    assert only_batch()


def test_a_file_of_which_nothing_was_written_down_is_found_by_its_name(tries, groq_emulator, sent):
    groq_emulator.fault("/batches", method="POST", status=400)
    with pytest.raises(AirflowFailException):
        tries.run()
    tries.forget()
    sent()
    tries.run()
    asked = [call for call, _ in groupby(sent())]
    assert asked == ["GET /batches", "GET /models", "GET /files", "POST /batches", "GET /batches"]


def test_a_file_that_is_gone_is_uploaded_again(tries, groq_emulator, only_batch):
    groq_emulator.fault("/batches", method="POST", status=400)
    with pytest.raises(AirflowFailException):
        tries.run()
    with GroqHook() as hook:
        hook.delete_file(groq_emulator.files()[0]["id"])
    tries.run()
    assert only_batch()


def test_another_input_makes_another_batch(tries, groq_emulator, caplog):
    first = tries.run()
    second = tries.run(requests=OTHER)
    assert [batch["id"] for batch in groq_emulator.batches()] == [first, second]
    assert f"Batch {first}: " in caplog.text
    assert "It belongs to this task, but to another input, so it keeps running at Groq" in caplog.text
    assert tries.run() == first
    assert tries.run(requests=OTHER) == second


@pytest.mark.parametrize(
    ("status", "processed"),
    [("failed", None), ("cancelling", None), ("cancelled", 1), ("expired", 0)],
)
@pytest.mark.parametrize("noted", [True, False])
def test_a_batch_of_no_use_is_not_taken_up(tries, groq_emulator, caplog, status, processed, noted):
    first = tries.run()
    groq_emulator.force_status(first, status, processed=processed)
    if not noted:
        tries.forget()
    second = tries.run()
    assert second != first
    assert re.search(f"Batch {first} of .* try is {status}, and is not resumed", caplog.text)
    assert [file["purpose"] for file in groq_emulator.files()].count("batch") == 1
    assert tries.run() == second
    assert len(groq_emulator.batches()) == 2


def test_a_batch_whose_requests_all_failed_is_not_taken_up(tries, groq_emulator):
    first = tries.run(requests=UNANSWERABLE)
    groq_emulator.advance(100)
    assert tries.run(requests=UNANSWERABLE) != first


def test_a_batch_that_has_no_result_files_yet_is_taken_up(tries, groq_emulator, only_batch):
    """Whether anything succeeded is not known yet: another batch could be paid for twice."""
    batch_id = tries.run()
    groq_emulator.force_status(batch_id, "completed", processed=0)
    assert tries.run() == batch_id
    assert only_batch()


@pytest.mark.parametrize("status", ["completed", "expired", "in_progress", "finalizing", "paused"])
def test_a_batch_of_use_is_taken_up(tries, groq_emulator, only_batch, status):
    batch_id = tries.run()
    groq_emulator.force_status(batch_id, status, processed=1)
    tries.forget()
    assert tries.run() == batch_id == only_batch()


def test_a_task_that_has_succeeded_does_not_pay_again_when_it_is_cleared(tries, groq_emulator, only_batch):
    groq_emulator.set(seconds=0.2)
    batch_id = tries.run(wait_for_completion=True)
    assert tries.run(wait_for_completion=True) == batch_id == only_batch()


def test_a_batch_whose_files_are_gone_is_not_taken_up(tries, groq_emulator):
    batch_id = tries.run()
    groq_emulator.fault("/batches**", method="GET", times=None, merge={"created_at": 1_000_000_000})
    tries.run()
    assert len(groq_emulator.batches()) == 2
    assert batch_id


def test_a_fresh_batch_can_be_forced(tries, groq_emulator):
    made = [tries.run(reattach=False) for _ in range(3)]
    assert [batch["id"] for batch in groq_emulator.batches()] == made


def test_a_batch_carries_whose_it_is_beside_the_users_metadata(create, context, groq_emulator):
    create(metadata={"team": "data"}, wait_for_completion=False).execute(context)
    (batch,) = groq_emulator.batches()
    assert {TASK_KEY, INPUT_KEY} < batch["metadata"].keys()
    assert {"team": "data", "airflow_dag_id": "dag", "airflow_run_id": "run"}.items() <= batch["metadata"].items()


def test_the_user_cannot_set_our_metadata(create, context, groq_emulator):
    with pytest.raises(AirflowFailException, match=r"metadata\['airflow_task'\] is reserved for this package"):
        create(metadata={TASK_KEY: "mine"}).execute(context)
    assert not groq_emulator.requests()


@pytest.mark.parametrize("noted", [True, False])
def test_a_server_that_drops_metadata_is_asked_for_the_files_names(tries, groq_emulator, make_batch, only_batch, noted):
    groq_emulator.set(drop_metadata=True)
    batch_id = tries.run()
    if not noted:
        tries.forget()
    assert tries.run() == batch_id == only_batch()
    make_batch()
    assert tries.run() == batch_id


def test_batches_without_metadata_of_others_are_not_taken_up(tries, groq_emulator, make_batch):
    """A file that is at Groq already may be that of another batch, which somebody made by hand."""
    others = make_batch()
    (file,) = groq_emulator.files()
    tries.run(input_file_id=file["id"])
    assert tries.run(input_file_id=file["id"]) != others
    assert len(groq_emulator.batches()) == 2


@pytest.mark.parametrize("ignore_ids", [True, False])
def test_the_listing_is_read_page_by_page(tries, groq_emulator, make_batch, ignore_ids):
    groq_emulator.set(page_size=2, ignore_ids=ignore_ids)
    batch_id = tries.run()
    for _ in range(4):
        make_batch()
    tries.forget()
    assert tries.run() == batch_id
    assert len(groq_emulator.batches()) == 5


def test_the_listing_is_read_no_further_back_than_the_run(tries, groq_emulator, make_batch):
    groq_emulator.set(page_size=2)
    for _ in range(5):
        make_batch()
    groq_emulator.fault("/batches", method="GET", times=None, merge={"created_at": 1_000_000_000})
    tries.stores.append(None)
    tries.run()
    assert {request.query for request in groq_emulator.requests("GET", "/batches")} == {""}


def test_a_listing_that_is_too_long_is_no_answer(tries, groq_emulator, make_batch, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.submission.lookup.MAX_PAGES", 2)
    groq_emulator.set(page_size=1)
    tries.run()
    for _ in range(3):
        make_batch()
    tries.forget()
    with pytest.raises(GroqLookupError, match="2 pages of Groq's listing do not reach back to the start of its run"):
        tries.run()
    assert len(groq_emulator.batches()) == 4


def test_a_listing_that_cannot_be_read_on_is_no_answer(tries, groq_emulator, only_batch):
    tries.run()
    tries.forget()
    others = [{"id": "batch_other", "status": "completed", "created_at": int(time.time()), "metadata": {"a": "b"}}]
    groq_emulator.fault("/batches", method="GET", json={"data": others, "has_more": True}, times=None)
    with pytest.raises(GroqLookupError, match="announces another page, but returns the same page again"):
        tries.run()
    assert only_batch()


@pytest.mark.usefixtures("quick_retries")
def test_a_lookup_that_fails_ends_the_try_and_costs_nothing(tries, groq_emulator, only_batch):
    batch_id = tries.run()
    tries.forget_the_end()
    groq_emulator.fault("/batches", method="GET", status=503, times=6)
    with pytest.raises(GroqLookupError, match="already has a batch: GET /batches returned 503") as caught:
        tries.run()
    assert caught.value.retryable
    assert tries.run() == batch_id == only_batch()


@pytest.mark.usefixtures("quick_retries")
def test_a_noted_batch_that_cannot_be_asked_for_ends_the_try(stored_tries, groq_emulator, only_batch):
    batch_id = stored_tries.run()
    groq_emulator.fault("/batches/*", method="GET", status=503, times=6)
    with pytest.raises(GroqLookupError, match=f"Batch {batch_id}, which an earlier try of this task created"):
        stored_tries.run()
    assert stored_tries.run() == batch_id == only_batch()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_lookup_that_is_refused_fails_for_good(tries, groq_emulator, only_batch, status):
    tries.run()
    tries.forget()
    groq_emulator.fault("/batches", method="GET", status=status, times=None)
    with pytest.raises(
        AirflowFailException, match=f"GroqLookupError: .*{status}.* to create one anyway, set reattach=False"
    ):
        tries.run()
    assert only_batch()


def test_a_batch_is_not_lost_for_a_lookup_that_fails_after_it_was_made(bare_tries, groq_emulator, only_batch, caplog):
    groq_emulator.fault("/batches", method="GET", status=404, times=None)
    assert bare_tries.run() == only_batch()
    assert "Could not check whether batch" in caplog.text


NO_LISTING = [{"status": 405}, {"status": 403}, {"status": 404}, {"status": 503}, {"body": "<html>", "status": 200}]


def refuse_the_listing_of_files(groq_emulator, **fault):
    groq_emulator.fault("/files", method="GET", times=None, **fault)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("fault", NO_LISTING, ids=str)
@pytest.mark.parametrize("refused", ["/files", "/batches"])
def test_a_server_that_does_not_list_files_costs_an_upload_and_no_more(tries, groq_emulator, fault, refused, caplog):
    """Whether the try before failed at its upload or after it."""
    groq_emulator.fault(refused, method="POST", status=400)
    with pytest.raises(AirflowFailException):
        tries.run()
    tries.forget()
    refuse_the_listing_of_files(groq_emulator, **fault)
    batch_id = tries.run()
    assert [batch["id"] for batch in groq_emulator.batches()] == [batch_id]
    assert "so it is uploaded: GET /files returned" in caplog.text
    assert tries.run() == batch_id


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("status", [405, 403, 503])
def test_a_server_that_does_not_describe_files_costs_an_upload_and_no_more(
    stored_tries, groq_emulator, only_batch, status, caplog
):
    groq_emulator.fault("/batches", method="POST", status=400)
    with pytest.raises(AirflowFailException):
        stored_tries.run()
    refuse_the_listing_of_files(groq_emulator, status=405)
    groq_emulator.fault("/files/*", method="GET", status=status, times=None)
    assert stored_tries.run() == only_batch()
    assert "is still at Groq, so it is uploaded again: GET /files/" in caplog.text
    assert [file["purpose"] for file in groq_emulator.files()] == ["batch", "batch"]


def test_without_listing_files_a_batch_that_lost_its_metadata_is_told_by_its_own_file(tries, groq_emulator, make_batch):
    groq_emulator.set(drop_metadata=True)
    batch_id = tries.run()
    make_batch()
    tries.forget()
    refuse_the_listing_of_files(groq_emulator, status=405)
    assert tries.run() == batch_id
    assert len(groq_emulator.batches()) == 2


def test_without_listing_files_batches_of_others_that_lost_their_metadata_do_no_harm(tries, groq_emulator, make_batch):
    groq_emulator.set(drop_metadata=True)
    others = make_batch()
    tries.stores.append(None)
    refuse_the_listing_of_files(groq_emulator, status=405)
    batch_id = tries.run()
    assert batch_id != others
    assert len(groq_emulator.batches()) == 2


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("status", [405, 404, 503])
def test_whose_a_batch_is_that_nothing_tells_is_not_known(tries, groq_emulator, make_batch, status):
    """Neither metadata nor files: it may be this task's, and another one would be paid for."""
    groq_emulator.set(drop_metadata=True)
    make_batch()
    tries.stores.append(None)
    groq_emulator.fault("/files**", method="GET", status=status, times=None)
    with pytest.raises(
        (AirflowFailException, GroqLookupError), match="Could not look up whether this task already has a batch: GET"
    ):
        tries.run()
    assert len(groq_emulator.batches()) == 1


def test_without_listing_files_batches_without_metadata_are_others_where_it_is_kept(
    tries, groq_emulator, make_batch, caplog
):
    caplog.set_level(logging.INFO)
    make_batch()
    make_batch()
    tries.run(requests=OTHER)
    tries.forget()
    groq_emulator.fault("/files**", method="GET", status=405, times=None)
    batch_id = tries.run()
    assert "GET /files returned 405" in caplog.text
    assert len(groq_emulator.batches()) == 4
    tries.forget()
    assert tries.run() == batch_id


def test_more_files_than_may_be_asked_for_singly_are_not_asked_for(tries, groq_emulator, make_batch, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.submission.lookup.MAX_FILES", 2)
    groq_emulator.set(drop_metadata=True)
    for _ in range(3):
        make_batch()
    tries.stores.append(None)
    refuse_the_listing_of_files(groq_emulator, status=405)
    with pytest.raises(AirflowFailException, match="already has a batch: GET /files returned 405"):
        tries.run()
    assert not groq_emulator.requests("GET", "/files/")


ODD = {
    "created_at": "2023-11-14T22:13:20Z",
    "metadata": None,
    "errors": "text",
    "request_counts": "0/1",
    "error_file_id": {"a": 1},
    "expires_at": 1.5,
}


@pytest.mark.parametrize("created_at", [None, "then", 0, [1]])
def test_a_batch_of_unknown_age_is_found(tries, groq_emulator, make_batch, only_batch, created_at):
    groq_emulator.fault("/batches**", times=None, merge={"created_at": created_at})
    batch_id = tries.run()
    tries.forget()
    assert tries.run() == batch_id == only_batch()
    make_batch()
    tries.forget()
    assert tries.run() == batch_id


def test_a_listing_of_batches_of_unknown_age_is_read_to_its_end(tries, groq_emulator, make_batch):
    groq_emulator.set(page_size=2)
    batch_id = tries.run()
    for _ in range(5):
        make_batch()
    groq_emulator.fault("/batches", method="GET", times=None, merge={"created_at": None})
    tries.forget()
    assert tries.run() == batch_id
    assert len(groq_emulator.batches()) == 6


def listed_as(groq_emulator, **fields):
    """The account's batches as the server lists them from now on, the newest with other fields."""
    listed = [{**groq_emulator.batches()[-1], **fields}, *groq_emulator.batches()[-2::-1]]
    groq_emulator.fault("/batches", method="GET", times=None, json={"object": "list", "data": listed})


def test_odd_fields_of_other_batches_do_no_harm(tries, groq_emulator, make_batch):
    batch_id = tries.run()
    make_batch()
    tries.forget()
    listed_as(groq_emulator, **ODD)
    assert tries.run() == batch_id


def test_ones_own_batch_is_found_with_odd_fields(tries, groq_emulator, only_batch):
    batch_id = tries.run()
    tries.forget()
    (batch,) = groq_emulator.batches()
    pairs = [{"key": key, "value": value} for key, value in batch["metadata"].items()]
    listed_as(groq_emulator, **ODD | {"created_at": f"{time.time() + 0.5}", "metadata": pairs})
    assert tries.run() == batch_id == only_batch()


@pytest.mark.parametrize("fields", [{"status": None}, {"id": None}, {"id": 5, "status": 5}], ids=str)
def test_a_batch_of_others_that_cannot_be_read_does_no_harm(tries, groq_emulator, make_batch, fields):
    batch_id = tries.run()
    make_batch()
    tries.forget()
    listed_as(groq_emulator, metadata={"team": "other"}, **fields)
    assert tries.run() == batch_id
    assert len(groq_emulator.batches()) == 2


@pytest.mark.parametrize("fields", [{"status": None}, {"id": None, "status": 5}], ids=str)
@pytest.mark.parametrize("drop_metadata", [False, True])
def test_ones_own_batch_that_cannot_be_read_is_not_made_again(tries, groq_emulator, make_batch, fields, drop_metadata):
    """Could not read is no answer, as could not look."""
    groq_emulator.set(drop_metadata=drop_metadata)
    make_batch()
    tries.run()
    tries.forget()
    listed_as(groq_emulator, **fields)
    with pytest.raises(GroqLookupError, match="has batch .*, which may be this task's, but its id or"):
        tries.run()
    assert len(groq_emulator.batches()) == 2
    groq_emulator.clear_faults()
    tries.run()
    assert len(groq_emulator.batches()) == 2


def test_an_old_batch_of_nobody_that_cannot_be_read_does_no_harm(tries, groq_emulator, make_batch):
    groq_emulator.set(drop_metadata=True)
    make_batch()
    tries.stores.append(None)
    listed_as(groq_emulator, status=None, created_at=1_000_000_000)
    tries.run()
    assert len(groq_emulator.batches()) == 2
