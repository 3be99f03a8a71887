"""What the page costs Groq: one answer serves all tabs for some seconds."""

import asyncio
import json
import threading
import time

import pytest
from ui.conftest import OPEN_DAG, rows_of
from ui.many import account_of

BATCHES = "connections/groq_default/batches"


def questions(emulator):
    return [request.query for request in emulator.requests("GET", "/batches")]


@pytest.mark.parametrize("fault", [None, {"status": 500}, {"delay": 0.2}])
async def test_twenty_tabs_are_served_by_one_request_each_five_seconds(
    browser, make, groq_emulator, monkeypatch, fault
):
    """Here ten times as fast. An error and a slow answer are shared too."""
    from airflow_provider_groq.ui import account

    assert account.FRESH_SECONDS == 5.0
    monkeypatch.setattr(account, "FRESH_SECONDS", 0.5)
    make(OPEN_DAG)
    groq_emulator.clear_requests()
    if fault:
        groq_emulator.fault("/batches", times=None, **fault)
    tabs = [browser(user) for user in ["user", "op", "viewer", "admin"] * 5]
    began = time.monotonic()
    answers = []

    async def keep_open(tab):
        fresh_for = 0.0
        while not answers or time.monotonic() < began + 2.2:
            await asyncio.sleep(fresh_for)
            answer = await tab.get(BATCHES)
            answers.append(answer.status_code)
            fresh_for = answer.json().get("fresh_for", 0.1) if answer.is_success else 0.1

    await asyncio.gather(*map(keep_open, tabs))
    assert len(answers) >= 20
    assert set(answers) == ({502} if fault and "status" in fault else {200})
    assert 1 <= len(questions(groq_emulator)) <= (time.monotonic() - began) / 0.5 + 1


async def test_a_page_of_1_000_batches_takes_one_request(browser, make, groq_emulator):
    groq_emulator.set(page_size=1_000)
    make(OPEN_DAG, number=1_000)
    groq_emulator.clear_requests()
    assert len(rows_of(await browser("user").get(BATCHES))) == 1_000
    assert len(questions(groq_emulator)) == 1


@pytest.fixture
def quick_looks(monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.ui.account.FRESH_SECONDS", 0.02)


@pytest.mark.usefixtures("quick_looks")
async def test_a_later_look_asks_for_the_newest_page_and_for_what_is_open(browser, make, groq_emulator):
    groq_emulator.set(page_size=20, seconds=0)
    make(OPEN_DAG, number=30)
    groq_emulator.set(seconds=1_000)
    running = make(OPEN_DAG, number=2)
    groq_emulator.set(seconds=0)
    make(OPEN_DAG, number=38)
    user = browser("user")
    assert len(rows_of(await user.get(BATCHES))) == 70
    assert len(questions(groq_emulator)) == 4
    groq_emulator.clear_requests()
    groq_emulator.force_status(running[0], "expired")
    (new,) = make(OPEN_DAG)
    await asyncio.sleep(0.1)
    rows = rows_of(await user.get(BATCHES))
    assert len(rows) == 71
    assert next(iter(rows)) == new
    assert (rows[running[0]]["status"], rows[running[1]]["status"]) == ("expired", "validating")
    newest, by_id = questions(groq_emulator)
    assert newest == ""
    assert sorted(by_id.split("&")) == sorted(f"id={batch_id}" for batch_id in running)


@pytest.mark.usefixtures("quick_looks")
async def test_a_server_that_ignores_ids_is_asked_for_its_pages(browser, make, groq_emulator):
    groq_emulator.set(page_size=20, seconds=1_000, ignore_ids=True)
    made = make(OPEN_DAG, number=45)
    user = browser("user")
    await user.get(BATCHES)
    groq_emulator.force_status(made[0], "failed")
    await asyncio.sleep(0.1)
    rows = rows_of(await user.get(BATCHES))
    assert list(rows) == made[::-1]
    assert rows[made[0]]["status"] == "failed"


@pytest.mark.usefixtures("quick_looks")
async def test_an_older_page_whose_batches_have_ended_is_not_asked_for_again(browser, make, groq_emulator):
    groq_emulator.set(page_size=200, seconds=0)
    make(OPEN_DAG, number=250)
    user = browser("user")
    older = (await user.get(BATCHES)).json()["older"]
    for _ in range(3):
        assert len(rows_of(await user.get(BATCHES, params={"cursor": older}))) == 50
        await asyncio.sleep(0.1)
    assert len([query for query in questions(groq_emulator) if query]) == 1


@pytest.mark.usefixtures("quick_looks")
async def test_many_new_batches_at_once_leave_no_gap(browser, make, groq_emulator):
    groq_emulator.set(page_size=20, seconds=0)
    before = make(OPEN_DAG, number=10)
    user = browser("user")
    await user.get(BATCHES)
    after = make(OPEN_DAG, number=45)
    await asyncio.sleep(0.1)
    assert list(rows_of(await user.get(BATCHES))) == (before + after)[::-1]


async def test_who_leaves_does_not_end_the_request_for_the_others(browser, make, groq_emulator):
    make(OPEN_DAG)
    groq_emulator.clear_requests()
    groq_emulator.fault("/batches", delay=0.5)
    leaving = asyncio.create_task(browser("user").get(BATCHES))
    staying = asyncio.create_task(browser("user").get(BATCHES))
    await asyncio.sleep(0.2)
    leaving.cancel()
    assert (await staying).status_code == 200
    assert len(questions(groq_emulator)) == 1


@pytest.fixture
def connect(monkeypatch):
    """Sets the connection `many`."""

    def connect(url, key="gsk_first"):
        fields = {"conn_type": "groq", "host": url, "password": key}
        monkeypatch.setenv("AIRFLOW_CONN_MANY", json.dumps(fields))

    return connect


MANY = "connections/many/batches"


def tasks_of(answer):
    return {row["owner"]["task_id"] for row in rows_of(answer).values()}


async def test_another_key_in_the_connection_leads_to_another_account(browser, connect, monkeypatch):
    """Also for an older page whose batches have ended, which is else kept for minutes."""
    monkeypatch.setattr("airflow_provider_groq.ui.connections.FRESH_SECONDS", 0.2)
    with account_of(1_000) as (url, _):
        connect(url)
        op = browser("op")
        for cursor in ("", "cursor:500"):
            assert tasks_of(await op.get(MANY, params={"cursor": cursor})) == {"gsk_first"}
        connect(url, "gsk_second")
        await asyncio.sleep(0.3)
        for cursor in ("", "cursor:500"):
            assert tasks_of(await op.get(MANY, params={"cursor": cursor})) == {"gsk_second"}


async def test_a_connection_is_read_once_for_all_tabs(browser, connect, monkeypatch):
    from airflow_provider_groq.ui import connections

    read = []
    settings_of = connections.settings_of
    monkeypatch.setattr(connections, "settings_of", lambda *args: read.append(args[0]) or settings_of(*args))
    with account_of(100) as (url, _):
        connect(url)
        await asyncio.gather(*(browser("op").get(MANY) for _ in range(10)))
    assert read == ["connection 'many'"]


async def test_windows_are_kept_as_far_as_they_are_not_too_large_together(browser, server, connect, monkeypatch):
    from airflow_provider_groq.ui import account

    monkeypatch.setattr(account, "MAX_CHARS", 700_000)  # a window of 200 such batches has 210,000
    with account_of(4_000) as (url, queries):
        connect(url)
        op = browser("op")
        await op.get(MANY)
        for start in range(3_800, 1_800, -200):
            assert len(rows_of(await op.get(MANY, params={"cursor": f"cursor:{start}"}))) == 200
        (kept,) = [route.app.state.account for route in server.routes if route.path == "/groq"]
        assert sum(question.window.chars for question in kept._questions.values()) <= 700_000
        assert [key.cursor for key in kept._questions] == [None, "cursor:2200", "cursor:2000"]
        queries.clear()
        await op.get(MANY, params={"cursor": "cursor:2000"})
        assert queries == []


async def test_groq_is_left_alone_for_as_long_as_it_asks_whatever_page_is_wanted(browser, make, groq_emulator):
    make(OPEN_DAG)
    groq_emulator.fault("/batches", method="GET", times=1, status=429, headers={"Retry-After": "1"})
    groq_emulator.clear_requests()
    op = browser("op")
    for cursor in ("", "cursor:x", "cursor:y"):
        answer = await op.get(BATCHES, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["detail"]["problem"]) == (502, "Groq answered with status 429.")
    assert "limiting requests" in answer.json()["detail"]["detail"]
    assert len(questions(groq_emulator)) == 1
    await asyncio.sleep(1.1)
    await op.get(BATCHES, params={"cursor": "cursor:z"})
    assert len(questions(groq_emulator)) == 2


async def test_what_takes_longer_for_more_batches_is_not_done_in_the_event_loop(browser, make, monkeypatch):
    """5,000 of them take 0.2 s each to be read and to become rows."""
    from airflow_provider_groq.ui import app

    threads = []
    add = app._add
    monkeypatch.setattr(app, "_add", lambda *args: threads.append(threading.get_ident()) or add(*args))
    make(OPEN_DAG)
    await browser("op").get(BATCHES)
    assert len(threads) == 1
    assert threading.get_ident() not in threads
