"""Scripted faults: every kind, and which requests they befall."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest

from airflow_provider_groq.emulator import EmulatorError


def statuses(account, path="/models", times=1):
    return [account.http.get(path).status_code for _ in range(times)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 498, 500, 502, 503, 504])
def test_a_status_code_with_groqs_error_body(groq_emulator, account, status):
    groq_emulator.fault("/models", status=status)
    answer = account.http.get("/models")
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type"}
    assert statuses(account) == [200]


def test_retry_after_in_seconds_or_as_a_date(groq_emulator, account):
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
    groq_emulator.fault(status=429, headers={"Retry-After": 7})
    groq_emulator.fault(status=503, headers={"Retry-After": format_datetime(then, usegmt=True)})
    assert account.http.get("/models").headers["retry-after"] == "7"
    assert parsedate_to_datetime(account.http.get("/models").headers["retry-after"]) == then


def test_html_from_a_proxy_and_malformed_json(groq_emulator, account):
    groq_emulator.fault("/batches", body="<html>Please log in</html>", content_type="text/html")
    groq_emulator.fault("/batches", body='{"object": "list", "da', content_type="application/json")
    groq_emulator.fault("/batches", status=502, body="Bad Gateway")
    groq_emulator.fault("/batches", status=422, json={"detail": "no"})
    page = account.http.get("/batches")
    assert (page.status_code, page.text) == (200, "<html>Please log in</html>")
    assert page.headers["content-type"].startswith("text/html")
    broken = account.http.get("/batches")
    assert (broken.status_code, broken.text) == (200, '{"object": "list", "da')
    gateway = account.http.get("/batches")
    assert (gateway.status_code, gateway.text) == (502, "Bad Gateway")
    answer = account.http.get("/batches")
    assert (answer.status_code, answer.json()) == (422, {"detail": "no"})


def test_a_redirect(groq_emulator, account):
    groq_emulator.fault("/models", status=302, headers={"Location": "http://example.com/"})
    answer = account.http.get("/models")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://example.com/")


def test_a_fault_with_a_status_has_no_effect_unless_told_to(groq_emulator, account):
    file_id = account.upload(b"{}").json()["id"]
    groq_emulator.fault("/batches", method="POST", status=503)
    assert account.create(file_id).status_code == 503
    assert groq_emulator.batches() == []
    groq_emulator.fault("/batches", method="POST", status=504, takes_effect=True)
    assert account.create(file_id).status_code == 504
    assert len(groq_emulator.batches()) == 1


def test_a_connection_dropped_before_the_request_took_effect(groq_emulator, account):
    file_id = account.upload(b"{}").json()["id"]
    groq_emulator.fault("/batches", method="POST", drop="before")
    with pytest.raises(httpx.TransportError):
        account.create(file_id)
    assert groq_emulator.batches() == []
    assert account.create(file_id).status_code == 200


def test_a_connection_dropped_after_the_request_took_effect(groq_emulator, account):
    file_id = account.upload(b"{}").json()["id"]
    groq_emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(httpx.TransportError):
        account.create(file_id)
    (batch,) = groq_emulator.batches()
    assert batch["input_file_id"] == file_id
    assert groq_emulator.requests("POST", "/batches")[0].status is None


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_an_upload_dropped_before_or_after_does_not_hang(groq_emulator, account, size):
    for drop, files in (("before", 0), ("after", 1)):
        groq_emulator.fault("/files", method="POST", drop=drop)
        with pytest.raises(httpx.TransportError):
            account.upload(b"x" * size)
        assert len(groq_emulator.files()) == files


@pytest.mark.parametrize("size", [1000, 5_000_000])
def test_a_download_dropped_in_the_middle(groq_emulator, account, size):
    file_id = account.upload(b"x" * size).json()["id"]
    groq_emulator.fault("/files/*/content", drop="middle")
    received = []
    with account.http.stream("GET", f"/files/{file_id}/content") as answer:
        assert int(answer.headers["content-length"]) == size
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            received.extend(len(part) for part in answer.iter_raw())
    assert sum(received) == size // 2
    assert len(account.http.get(f"/files/{file_id}/content").content) == size


def test_a_slow_answer_takes_effect_at_once(groq_emulator, account):
    file_id = account.upload(b"{}").json()["id"]
    groq_emulator.fault("/batches", method="POST", delay=30)
    account.http.timeout = 0.2
    with pytest.raises(httpx.ReadTimeout):
        account.create(file_id)
    assert len(groq_emulator.batches()) == 1


def test_a_delay_is_waited_for_and_goes_with_other_faults(groq_emulator, account):
    groq_emulator.fault("/models", delay=0.2)
    groq_emulator.fault("/models", delay=0.2, status=500)
    for status in (200, 500):
        began = time.monotonic()
        assert statuses(account) == [status]
        assert 0.2 <= time.monotonic() - began < 30


def test_fields_merged_into_the_answer(groq_emulator, account):
    batch = account.submit()
    groq_emulator.fault("/batches/*", merge={"status": "paused", "extra": 1})
    shown = account.batch(batch["id"])
    assert (shown["status"], shown["extra"], shown["id"]) == ("paused", 1, batch["id"])
    groq_emulator.fault("/batches", merge={"status": "paused"})
    listed = account.http.get("/batches").json()["data"]
    assert [batch["status"] for batch in listed] == ["paused"]
    assert account.batch(batch["id"])["status"] == "validating"


def test_a_batch_that_is_not_found_right_after_its_creation(groq_emulator, account):
    groq_emulator.fault("/batches/*", method="GET", status=404, times=2)
    batch = account.submit()
    assert statuses(account, f"/batches/{batch['id']}", times=3) == [404, 404, 200]


@pytest.mark.parametrize(
    ("scripted", "method", "path", "hit"),
    [
        ({"path": "/batches/*"}, "GET", "/batches/batch_01", True),
        ({"path": "/openai/v1/batches/*"}, "GET", "/batches/batch_01", True),
        ({"path": "/batches/*"}, "POST", "/batches/batch_01/cancel", False),
        ({"path": "/batches/**"}, "POST", "/batches/batch_01/cancel", True),
        ({"path": "/batches/*"}, "GET", "/batches", False),
        ({"path": "/batches"}, "GET", "/batches?id=a", True),
        ({"path": "/batches*"}, "GET", "/batches", True),
        ({"path": "/b.tches"}, "GET", "/batches", False),
        ({"path": "/batches", "method": "POST"}, "GET", "/batches", False),
        ({}, "DELETE", "/files/file_01", True),
    ],
)
def test_a_fault_befalls_only_what_it_was_meant_for(groq_emulator, account, scripted, method, path, hit):
    fault_id = groq_emulator.fault(**scripted, status=418)
    answer = account.http.request(method, path)
    assert (answer.status_code == 418) == hit
    assert groq_emulator.requests()[-1].fault == (fault_id if hit else None)


def test_times_skip_and_order(groq_emulator, account):
    groq_emulator.fault("/models", status=500, skip=1, times=2)
    groq_emulator.fault("/models", status=503, skip=2, times=1)
    assert statuses(account, times=6) == [200, 500, 500, 200, 503, 200]


def test_a_fault_for_ever_and_its_removal(groq_emulator, account):
    fault_id = groq_emulator.fault("/models", status=500, times=None)
    assert statuses(account, times=5) == [500] * 5
    assert [(fault["id"], fault["used"]) for fault in groq_emulator.faults()] == [(fault_id, 5)]
    groq_emulator.remove_fault(fault_id)
    assert statuses(account) == [200]
    with pytest.raises(EmulatorError, match=f"no fault has the id {fault_id}"):
        groq_emulator.remove_fault(fault_id)
    groq_emulator.fault(status=500, times=None)
    groq_emulator.clear_faults()
    assert groq_emulator.faults() == []
    assert statuses(account) == [200]


def test_an_outage_ends_on_the_emulators_clock(groq_emulator, account):
    groq_emulator.fault(status=503, times=None, for_seconds=600)
    assert statuses(account, times=2) == [503, 503]
    groq_emulator.advance(599)
    assert statuses(account) == [503]
    groq_emulator.advance(2)
    assert statuses(account) == [200]


@pytest.mark.parametrize(
    ("scripted", "message"),
    [
        ({}, "a fault needs a status"),
        ({"statuz": 500}, "unknown field 'statuz'"),
        ({"status": "500"}, "field 'status' of a fault cannot be '500'"),
        ({"drop": "sometimes"}, "drop must be one of before, after, middle"),
        ({"delay": "long"}, "field 'delay' of a fault cannot be 'long'"),
        ({"status": 500, "times": "twice"}, "field 'times'"),
        ({"status": 500, "times": 0}, "times must be at least 1, not 0"),
        ({"status": 500, "skip": -1}, "skip must be at least 0, not -1"),
        ({"delay": -1}, "delay must be at least 0, not -1"),
        ({"status": 500, "for_seconds": 0}, "for_seconds must be above 0, not 0"),
        ({"status": 99}, "status must be from 200 to 599, not 99"),
        ({"status": 500, "method": "PSOT"}, r"method must be one of \*, GET, POST, DELETE, not 'PSOT'"),
        ({"status": 500, "path": "batches"}, "path must begin with / or \\*, not be 'batches'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(groq_emulator, scripted, message):
    with pytest.raises(EmulatorError, match=message):
        groq_emulator.fault(**scripted)
    assert groq_emulator.faults() == []


def test_a_method_may_be_in_small_letters(groq_emulator, account):
    groq_emulator.fault("/models", method="get", status=503)
    assert statuses(account) == [503]


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_connection_can_be_dropped_after_a_while(groq_emulator, account, drop):
    groq_emulator.fault("/models", drop=drop, delay=0.2)
    began = time.monotonic()
    with pytest.raises(httpx.TransportError):
        account.http.get("/models")
    assert 0.2 <= time.monotonic() - began < 30
