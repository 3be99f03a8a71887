"""Answers: whatever comes back is a value of the call's type or one of this package's errors."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api import answers, calls
from airflow_provider_groq.api.models import Model
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqAPIError, GroqError, GroqResponseError

KEY = "gsk_secret"
CALLS = [
    calls.get_batch("b"),
    calls.list_batches(),
    calls.get_file("f"),
    calls.list_files(),
    calls.delete_file("f"),
    calls.list_models(),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BATCH_FIELDS = ["errors", "request_counts", "metadata", "output_file_id", "expires_at", "endpoint", "paging", "data"]
BATCHES = st.dictionaries(st.sampled_from(BATCH_FIELDS), JSON).map(
    lambda fields: {"id": "b", "status": "failed", "created_at": 1} | fields
)
ERRORS = JSON | st.dictionaries(st.sampled_from(["error", "message", "detail"]), JSON | st.just({"message": KEY}))
HEADERS = st.fixed_dictionaries(
    {}, optional={name: st.text() for name in ("retry-after", "content-type", "location", "content-encoding")}
)


def read(call, body, status=200, headers=None):
    encoded = {name: value.encode() for name, value in (headers or {}).items()}
    response = httpx.Response(status, headers=encoded)
    return answers.read(call, response, body, Settings(KEY))


@given(st.sampled_from(CALLS), JSON | BATCHES | BATCHES.map(lambda batch: {"data": [batch]}))
def test_any_json_is_a_model_or_refused(call, value):
    try:
        answer = read(call, json.dumps(value).encode())
    except GroqResponseError as error:
        assert "the body is not Groq's" in str(error)  # noqa: PT017 - either is right
        assert str(error).isprintable()  # noqa: PT017 - likewise
    else:
        assert isinstance(answer, Model)


@given(st.sampled_from(CALLS), st.binary())
def test_any_bytes_are_a_model_or_refused(call, body):
    try:
        answer = read(call, body)
    except GroqResponseError as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right
        return
    assert isinstance(answer, Model)


@given(st.sampled_from(CALLS), st.integers(300, 599), ERRORS.map(json.dumps).map(str.encode) | st.binary(), HEADERS)
def test_any_error_is_one_of_ours_and_does_not_show_the_key(call, status, body, headers):
    with pytest.raises((GroqAPIError, GroqError, GroqResponseError)) as caught:
        read(call, body, status, headers)
    assert KEY not in str(caught.value)
    assert str(call) in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("before", [0, 30, 70, 75, 80, 395, 400, 1995, 2000, 9995])
@pytest.mark.parametrize("filler", [b"<", b" ", b"\n "])
@pytest.mark.parametrize("status", [200, 502])
def test_the_key_is_struck_out_of_the_beginning_of_a_page_that_is_shown(before, filler, status):
    """Also where no more of it is there than its first half, before the part that is looked at ends."""
    filled = (filler * before)[:before]
    for kind in ("text/plain", "text/html"):
        with pytest.raises(GroqError) as caught:
            read(calls.list_models(), filled + KEY.encode() + b" and more" * 2000, status, {"content-type": kind})
        assert "gsk" not in str(caught.value)


def test_a_plain_text_is_shown_as_a_message_and_a_page_by_its_beginning():
    text = "upstream connect error or disconnect/reset before headers. " * 5 + "reset reason: connection failure"
    for kind, shown in (("text/plain; charset=utf-8", True), ("text/html", False), ("", False)):
        with pytest.raises(GroqAPIError) as caught:
            read(calls.list_models(), text.encode(), 503, {"content-type": kind})
        assert ("connection failure" in str(caught.value)) is shown


@given(ERRORS, st.sampled_from(["message", "error", "detail", "errors"]))
def test_no_message_of_an_error_is_lost(value, key):
    """Whatever stands beside it, below one of the keys that servers use for it."""
    body = {"code": 5, "type": value, key: "The file is gone"}
    with pytest.raises(GroqAPIError, match="The file is gone"):
        read(calls.list_models(), json.dumps(body).encode(), 400)


def test_a_long_message_of_a_server_is_cut():
    body = json.dumps({"error": {"message": "x" * 100_000, "type": "t"}}).encode()
    with pytest.raises(GroqAPIError) as caught:
        read(calls.list_models(), body, 400)
    assert 2000 < len(str(caught.value)) < 2100


HARMFUL = "No.\r\n2026-01-01 INFO Success \x1b[32m \ud800 \u202egreat\x00"
SHOWN = "No. 2026-01-01 INFO Success \ufffd[32m \ufffd \ufffdgreat\ufffd"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": HARMFUL, "type": "t"}},
        {"error": {"message": "x", "code": HARMFUL}},
        {"error": HARMFUL},
        {"detail": HARMFUL},
    ],
)
def test_what_a_server_says_cannot_write_lines_of_its_own_into_the_log(body):
    with pytest.raises(GroqAPIError) as caught:
        read(calls.list_models(), json.dumps(body).encode(), 400)
    assert SHOWN in str(caught.value)
    assert str(caught.value).isprintable()
    assert (caught.value.code + caught.value.type).isprintable()


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, {"error": {"message": LONG, "type": LONG, "code": LONG}}, {}),
        (400, {"detail": [{"msg": LONG}] * 2}, {"content-type": LONG}),
        (500, [], {"content-type": LONG}),
        (200, {}, {"content-type": LONG}),
        (302, {}, {"location": "https://elsewhere.example/" + LONG}),
    ],
)
def test_however_much_a_server_says_an_error_stays_short(status, body, headers):
    with pytest.raises(GroqError) as caught:
        read(calls.list_models(), json.dumps(body).encode(), status, headers)
    assert len(str(caught.value)) < 2_500
    assert len(repr(vars(caught.value))) < 600
