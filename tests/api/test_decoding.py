"""Decoding: one odd value or item of an answer spoils no more than itself."""

import json
import logging

import pytest
from pydantic import ValidationError

from airflow_provider_groq.api import calls, decoding, tolerant
from airflow_provider_groq.api.models import Batch, File, LanguageModel

LISTS = [(calls.list_batches(), "batches"), (calls.list_files(), "files"), (calls.list_models(), "models")]
GOOD = {"id": "a", "status": "x", "created_at": 1}


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(tolerant, "_said", set())


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def page(call, items):
    return call.answer(json.dumps({"data": items}).encode())


@pytest.mark.parametrize(("call", "name"), LISTS)
@pytest.mark.parametrize(
    "odd", [{"id": 5}, {"status": "x"}, {"id": "a\nb", "status": "x"}, {"id": "x" * 2000}, None, 3, "b", [GOOD]]
)
def test_an_item_that_cannot_be_read_is_left_out_and_the_rest_is_given(call, name, odd, warnings):
    for _ in range(3):
        listed = page(call, [GOOD, odd, GOOD | {"id": "c"}, odd])
        assert [item.id for item in listed.data] == ["a", "c"]
        assert listed.left_out == (odd, odd)
    (said,) = warnings()
    assert said.startswith(f"2 of the 4 {name} that the server listed cannot be read, and are left out. The first has")
    assert said.isprintable()


def test_a_listing_of_one_batch_that_cannot_be_read_is_a_listing(warnings):
    listed = page(calls.list_batches(), [{"id": "batch_1", "status": None}])
    assert listed.data == ()
    assert listed.left_out == ({"id": "batch_1", "status": None},)
    assert "'batch_1' (status: Input should be a valid string)" in warnings()[0]


def test_a_listing_of_items_without_any_id_is_another_servers():
    with pytest.raises(ValidationError, match=r"data.0.id"):
        page(calls.list_models(), [{"name": "m"}, None])


def test_more_items_than_any_page_has_are_refused():
    items = [{"id": "x"}] * 50_001
    assert len(page(calls.list_models(), items[1:]).data) == 50_000
    with pytest.raises(ValidationError, match="at most 50000 items"):
        page(calls.list_models(), items)


ODD = {
    "lone surrogate": rb'"\ud800"',
    "pair the wrong way round": rb'"\udc00\ud800 and \ud83d\ude00"',
    "no UTF-8": b'"caf\xe9"',
    "long number": b"1" * 5000,
    "negative long number": b"-" + b"1" * 5000,
    "deep": b"[" * 500 + b"]" * 500,
    "not a number": b"[NaN, Infinity, -Infinity]",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_json_that_strict_readers_refuse_spoils_no_more_than_its_own_value(odd):
    item = b'{"id": "a", "status": "x", "odd": ' + odd + b', "created_at": 7}'
    for batch in (
        calls.get_batch("a").answer(item),
        *calls.list_batches().answer(b'{"data": [' + item + b"]}").data,
        calls.poll_batches(["a"]).answer(b'{"data": [' + item + b"]}").batch("a"),
    ):
        assert (batch.id, batch.status, batch.created_at) == ("a", "x", 7)
        assert batch.model_dump_json()


@pytest.mark.parametrize("field", [*Batch.model_fields.keys() - {"id", "status"}])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_wherever_it_stands(field, odd):
    batch = calls.get_batch("a").answer(b'{"id": "a", "status": "x", "%s": %s}' % (field.encode(), odd))
    assert (batch.id, batch.status) == ("a", "x")
    assert batch.model_dump_json()


@pytest.mark.parametrize("odd", [ODD["lone surrogate"], ODD["no UTF-8"]])
def test_text_that_cannot_be_written_is_read_with_a_mark_in_its_place(odd):
    file = calls.get_file("f").answer(b'{"id": "f", "filename": ' + odd + b"}")
    assert "\ufffd" in file.filename
    assert file.filename.encode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"id": "a", "status": "x"', b'{"id": "a"} {}', b"\xff\xfe{\0}\0", b"[" * 100_000, b"\xe9"]
)
def test_what_is_no_json_is_refused_as_before(body):
    with pytest.raises(ValidationError, match="Invalid JSON"):
        calls.get_batch("a").answer(body)


def test_a_very_large_answer_is_read_once_only(monkeypatch):
    """The json module takes several times as much memory."""
    monkeypatch.setattr(decoding, "MAX_AGAIN_BYTES", 100)
    item = b'{"id": "a", "status": "x", "odd": "\\ud800", "more": "%s"}' % (b"x" * 100)
    with pytest.raises(ValidationError, match="Invalid JSON"):
        calls.get_batch("a").answer(item)


@pytest.mark.parametrize("kind", [Batch, File, LanguageModel])
def test_a_model_is_read_in_the_same_way_alone_and_in_a_page(kind):
    described = {"id": "a", "status": "x", "created_at": "2023-11-14T22:13:20Z", "bytes": "many"}
    alone = decoding.read_one(kind, json.dumps(described).encode())
    (listed,) = decoding.read_page(kind, "items", json.dumps({"data": [described]}).encode()).data
    assert alone == listed
