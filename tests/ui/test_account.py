"""What the page costs Groq: one answer serves all tabs for some seconds."""

import asyncio
import time

import pytest
from ui.conftest import OPEN_DAG, rows_of

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
    until = time.monotonic() + 2.2
    answers = []

    async def tab(user):
        client = browser(user)
        while time.monotonic() < until:
            answer = await client.get(BATCHES)
            answers.append(answer.status_code)
            await asyncio.sleep(answer.json().get("fresh_for", 0.1) if answer.is_success else 0.1)

    await asyncio.gather(*(tab(user) for user in ["user", "op", "viewer", "admin"] * 5))
    assert len(answers) >= 40
    assert set(answers) == ({502} if fault and "status" in fault else {200})
    assert 2 <= len(questions(groq_emulator)) <= 2.2 / 0.5 + 1


async def test_a_page_of_1_000_batches_is_there_in_a_second(browser, make, groq_emulator):
    groq_emulator.set(page_size=1_000)
    make(OPEN_DAG, number=1_000)
    user = browser("user")
    await user.get("connections")  # the first request of all loads modules
    began = time.monotonic()
    answer = await user.get(BATCHES)
    took = time.monotonic() - began
    assert len(rows_of(answer)) == 1_000
    assert took < 1.0


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
