"""The answer to a question for many batches: what it has, and whether the server took notice of the ids."""

import json

import pytest
from pydantic import ValidationError

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.polled import Glance, read_polled
from airflow_provider_groq.exceptions import GroqResponseError

ASKED = ["a", "b", "c"]


def item(batch_id, **more):
    return {"id": batch_id, "status": "in_progress", "created_at": 1, "input_file_id": "file_1"} | more


def read(data, **more):
    return read_polled(ASKED, json.dumps({"object": "list", "data": data} | more).encode())


def test_batches_are_told_apart_by_their_ids():
    """In any order, the first of each, and nothing of what is no batch."""
    looks = read([item("b", status="x"), item("a"), item("b", status="y"), {"status": "z"}, None, 3])
    assert {batch_id: looks.batch(batch_id).status for batch_id in looks.items} == {"b": "x", "a": "in_progress"}


@pytest.mark.parametrize("data", [[], None])
def test_groq_leaves_out_what_it_does_not_know(data):
    assert (dict(read(data).items), read(data).ignored) == ({}, False)
    assert not read([item("b")]).ignored


@pytest.mark.parametrize(
    ("data", "more"),
    [
        ([item("x")], {}),
        ([item("a"), item("b"), item("x")], {}),
        ([item("a"), None], {}),
        ([item("a"), item("b"), {"id": 3}], {}),
        ([item("a"), item("b")], {"has_more": True}),
        ([item("a")], {"has_more": False}),
        ([], {"has_more": False}),
        ([], {"first_id": None, "last_id": None}),
        ([item("a")], {"first_id": "a", "last_id": "a"}),
        ([item("a")], {"paging": {"next_cursor": "MTIz"}}),
    ],
)
def test_a_page_of_a_listing_says_nothing_of_what_it_lacks(data, more):
    assert read(data, **more).ignored


@pytest.mark.parametrize("paging", [{}, {"next_cursor": None}, {"next_cursor": ""}, None, 3])
def test_an_empty_cursor_tells_no_page_of_a_listing(paging):
    assert not read([item("a")], paging=paging).ignored


@pytest.mark.parametrize("more", [{}, {"has_more": True, "first_id": "x"}])
def test_a_listing_that_has_all_that_was_asked_for_is_as_good_as_an_answer(more):
    looks = read([item("x"), *map(item, ASKED)], **more)
    assert list(looks.items) == ASKED
    assert not looks.ignored


@pytest.mark.parametrize("status", BatchStatus)
def test_a_batch_under_way_needs_no_model(status):
    looks = read([item("a", status=status, request_counts={"total": 9, "completed": 3, "failed": 1})])
    batch, glance = looks.batch("a"), looks.glance("a")
    assert isinstance(glance, Batch if batch.terminal else Glance)
    for seen in (batch, glance):
        counts = seen.request_counts
        assert (seen.id, seen.status, seen.terminal) == ("a", status, batch.terminal)
        assert (counts.total, counts.completed, counts.failed, counts.done) == (9, 3, 1, 4)


@pytest.mark.parametrize(
    "more",
    [
        {"status": "paused"},
        {"request_counts": None},
        {"request_counts": {"total": None}},
        {"request_counts": {"total": 3.0}},
    ],
    ids=str,
)
def test_what_a_glance_does_not_understand_is_left_to_the_model(more):
    looks = read([item("a", **more)])
    assert looks.glance("a") == looks.batch("a")


@pytest.mark.parametrize("broken", [{"id": "a"}, {"id": "a", "status": None}, item("a", status="\n")])
def test_a_batch_that_cannot_be_read_is_an_error_of_its_own(broken):
    looks = read([broken, item("b")])
    for look in (looks.batch, looks.glance):
        with pytest.raises(GroqResponseError, match="about batch a cannot be read"):
            look("a")
        assert look("b").status == "in_progress"


def test_numbers_that_are_no_json_spoil_no_other_batch():
    looks = read([item("a", usage=float("nan")), item("x", usage=float("inf")), item("b")], has_more=True)
    assert (list(looks.items), looks.ignored) == (["a", "b"], True)
    assert looks.batch("a").status == "in_progress"


@pytest.mark.parametrize("body", [b"", b"[]", b'"data"', b'{"data": {}}', b'{"data": [', b"[" * 100_000])
def test_what_is_no_list_is_refused(body):
    with pytest.raises(ValidationError):
        read_polled(ASKED, body)


def test_a_gateways_own_page_over_http(groq_emulator, settings, file_id):
    with GroqClient(settings()) as client:
        create = calls.create_batch(file_id, endpoint="/v1/chat/completions", completion_window="24h")
        ids = [client.send(create).id for _ in range(3)]
        looks = client.send(calls.poll_batches([*ids, "batch_of_nobody"]))
        assert (set(looks.items), looks.ignored) == ({*ids}, False)
        groq_emulator.set(ignore_ids=True)
        assert not client.send(calls.poll_batches(ids)).ignored
        assert client.send(calls.poll_batches([*ids, "batch_of_nobody"])).ignored
        groq_emulator.set(page_size=2)
        assert client.send(calls.poll_batches(ids)).ignored
