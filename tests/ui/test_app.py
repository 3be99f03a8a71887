"""What the page's API answers: rows, filters, pages, and what goes wrong."""

import asyncio
import json

import pytest
from ui.conftest import OPEN_DAG, rows_of
from ui.managers import SECRET_DAG
from ui.many import account_of

from airflow_provider_groq.demo.home import free_port

BATCHES = "connections/groq_default/batches"


def groups_of(answer):
    """The ids of each group of an answer."""
    assert answer.status_code == 200, answer.text
    return [[row["id"] for row in group["batches"]] for group in answer.json()["groups"]]


async def test_a_row_tells_how_its_batch_stands(browser, make, groq_emulator):
    groq_emulator.set(seconds=100, failing_requests={"*": 500}, speed=0)
    (batch_id,) = make(requests=10)
    groq_emulator.advance(60)
    (row,) = rows_of(await browser("op").get(BATCHES)).values()
    assert (row["id"], row["status"], row["ended"]) == (batch_id, "in_progress", False)
    assert (row["total"], row["done"], row["failed"]) == (10, 6, 6)
    assert row["console"] == f"https://console.groq.com/batches?id={batch_id}"


@pytest.mark.usefixtures("quick_looks")
async def test_batches_come_newest_first_and_new_ones_appear(browser, make):
    first, second = make(), make()
    op = browser("op")
    assert groups_of(await op.get(BATCHES)) == [second, first]
    third = make()
    await looks_end()
    assert groups_of(await op.get(BATCHES)) == [third, second, first]


@pytest.fixture
def quick_looks(monkeypatch):
    """An answer serves for a moment only."""
    monkeypatch.setattr("airflow_provider_groq.ui.account.FRESH_SECONDS", 0.05)


async def looks_end():
    """Wait until no answer serves any longer, but for those of older pages whose batches have ended."""

    await asyncio.sleep(0.3)


async def test_what_a_task_made_stands_together_with_its_sum(browser, make, groq_emulator):
    groq_emulator.set(seconds=100, speed=0, page_size=20)
    job = [
        make(OPEN_DAG, airflow_task="a", airflow_input=str(shard), airflow_round="f.1.1", requests=4)
        for shard in range(12)
    ]
    (other,) = make(SECRET_DAG)
    again = make(OPEN_DAG, airflow_task="a", airflow_input="0", airflow_round="f.1.2", requests=4)
    job += [
        make(OPEN_DAG, airflow_task="a", airflow_input=str(shard), airflow_round="f.1.1", requests=4)
        for shard in range(12, 30)
    ]
    (failed,) = job[0]
    groq_emulator.force_status(failed, "failed")
    groq_emulator.advance(50)
    answer = await browser("op").get(BATCHES)
    of_job, alone = answer.json()["groups"]
    assert [row["id"] for row in alone["batches"]] == [other]
    assert alone["sum"] is None
    assert {row["id"] for row in of_job["batches"]} == {batch_id for (batch_id,) in (*job, again)}
    assert of_job["sum"]["statuses"] == {"in_progress": 30, "failed": 1}
    assert (of_job["sum"]["total"], of_job["sum"]["done"]) == (120, 60)  # the failed one was made again
    assert not of_job["sum"]["ended"]
    assert all(row["job"] for row in of_job["batches"])
    pages = groq_emulator.requests("GET", "/batches")
    assert len(pages) == 2


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, {"open", "secret", "cancelled"}),
        ({"status": "open"}, {"open", "secret"}),
        ({"status": "ended"}, {"cancelled"}),
        ({"status": "cancelled"}, {"cancelled"}),
        ({"status": "failed"}, set()),
        ({"dag": OPEN_DAG}, {"open", "cancelled"}),
        ({"dag": OPEN_DAG, "status": "open"}, {"open"}),
        ({"dag": "nowhere"}, set()),
    ],
)
async def test_filters_let_through_what_they_name(browser, make, groq_emulator, query, shown):
    made = {"open": make(OPEN_DAG)[0], "secret": make(SECRET_DAG)[0], "cancelled": make(OPEN_DAG)[0]}
    groq_emulator.force_status(made["cancelled"], "cancelled")
    answer = await browser("user").get(BATCHES, params=query)
    assert set(rows_of(answer)) == {made[name] for name in shown}
    assert answer.json()["dags"] == [OPEN_DAG, SECRET_DAG]
    assert answer.json()["searched"] == 3


@pytest.mark.parametrize("gateway", [False, True])
async def test_pages_go_back_to_the_oldest_batch(browser, make, groq_emulator, gateway):
    """Also at a server that pages as OpenAI does."""
    groq_emulator.set(seconds=0, page_size=150, ignore_ids=gateway)
    made = make(OPEN_DAG, number=650)
    user, cursor, seen = browser("user"), "", []
    while cursor is not None:
        answer = await user.get(BATCHES, params={"cursor": cursor})
        seen += rows_of(answer)
        cursor = answer.json()["older"]
    assert seen == made[::-1]
    assert len(groq_emulator.requests("GET", "/batches")) == 5


async def test_a_job_that_goes_on_on_the_next_page_says_so(browser, make, groq_emulator):
    groq_emulator.set(page_size=200)
    make(OPEN_DAG, number=250, airflow_task="a")
    first = (await browser("user").get(BATCHES)).json()
    (group,) = first["groups"]
    assert (len(group["batches"]), group["goes_on"]) == (200, True)
    (rest,) = (await browser("user").get(BATCHES, params={"cursor": first["older"]})).json()["groups"]
    assert (len(rest["batches"]), rest["goes_on"]) == (50, False)


@pytest.mark.parametrize("cursor", ["x", "cursor:", "id:batch_1", "after"])
async def test_a_cursor_that_is_none_is_refused(browser, groq_emulator, cursor):
    answer = await browser("op").get(BATCHES, params={"cursor": cursor})
    assert answer.status_code == 400
    assert groq_emulator.requests() == []


async def test_an_account_of_100_000_batches_is_paged_and_searched_in_bounds(browser, server, monkeypatch):
    with account_of(100_000) as (url, queries):
        monkeypatch.setenv(
            "AIRFLOW_CONN_MANY", json.dumps({"conn_type": "groq", "host": url, "password": "gsk_key_of_tests"})
        )
        op = browser("op")
        first = await op.get("connections/many/batches")
        assert len(rows_of(first)) == 200
        assert len(queries) == 2
        second = await op.get("connections/many/batches", params={"cursor": first.json()["older"]})
        assert min(rows_of(first)) > max(rows_of(second))

        searched = await op.get("connections/many/batches", params={"dag": OPEN_DAG})
        assert (searched.json()["groups"], searched.json()["searched"]) == ([], 1_000)
        assert len(queries) == 10
        older = await op.get("connections/many/batches", params={"dag": OPEN_DAG, "cursor": searched.json()["older"]})
        assert older.json()["searched"] == 1_000

        (oldest,) = rows_of(await op.get("connections/many/batches", params={"dag": OPEN_DAG, "cursor": "cursor:300"}))
        assert oldest == "batch_00000001"
        for start in range(1_000, 81_000, 1_000):
            await op.get("connections/many/batches", params={"cursor": f"cursor:{start}"})
        (account,) = [route.app.state.account for route in server.routes if route.path == "/groq"]
        assert len(account._questions) <= 64


REFUSING = f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def connect(monkeypatch, groq_emulator):
    """Sets the connection `tried`."""

    def connect(**fields):
        usual = {"conn_type": "groq", "host": groq_emulator.url, "password": "gsk_key_of_tests"}
        monkeypatch.setenv("AIRFLOW_CONN_TRIED", json.dumps(usual | fields))

    return connect


TIMED_OUT = 504
WRONG = {
    "no key": ({"password": ""}, {}, 404, "no usable connection", "There is no API key"),
    "another type": ({"conn_type": "http"}, {}, 404, "no usable connection", "is of type 'http'"),
    "a gateway's type": ({"conn_type": "openai"}, {}, 404, "no usable connection", "is of type 'openai'"),
    "no type": ({"conn_type": ""}, {}, 404, "no usable connection", "is of type ''"),
    "refused": ({"host": REFUSING}, {}, 502, "cannot be reached", "ConnectError"),
    "a wrong key": ({}, {"status": 401}, 502, "status 401", "connection 'tried'"),
    "no plan": ({}, {"status": 403}, 502, "status 403", "403"),
    "another server": ({}, {"status": 404}, 502, "status 404", "404"),
    "500": ({}, {"status": 500}, 502, "status 500", "500"),
    "429": ({}, {"status": 429}, 502, "status 429", "429"),
    "malformed": ({}, {"body": '{"data": [', "status": 200}, 502, "cannot be read", "the body is not Groq's"),
    "a web page": (
        {},
        {"body": "<html>", "content_type": "text/html", "status": 200},
        502,
        "cannot be read",
        "Check for a proxy in between",
    ),
    "cut off": ({}, {"drop": "before"}, 502, "cannot be reached", ""),
    "silent": ({}, {"delay": 30.0, "status": 200}, 504, "not answered in time", ""),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_goes_wrong_is_said_and_details_are_for_those_who_see_the_connection(
    browser, connect, groq_emulator, monkeypatch, wrong
):
    fields, fault, status, brief, detail = WRONG[wrong]
    if status == TIMED_OUT:
        monkeypatch.setattr("airflow_provider_groq.ui.connections.PATIENCE", 1.0)
    connect(**fields)
    if fault:
        groq_emulator.fault("/batches", times=None, **fault)
    answer = await browser("op").get("connections/tried/batches")
    assert answer.status_code == status
    told = answer.json()["detail"]
    assert brief in told["problem"]
    assert detail in told["detail"]
    assert bool(detail) <= bool(told["detail"])
    assert "gsk_key_of_tests" not in answer.text

    answer = await browser("viewer").get("connections/tried/batches")
    assert answer.json()["detail"] == {"problem": told["problem"], "detail": ""}
    assert len(groq_emulator.requests()) == (1 if fault else 0)  # one for both, no retry, and no key to another service


async def test_a_connection_that_is_not_there_is_said_not_to_be(browser):
    answer = await browser("op").get("connections/nowhere/batches")
    assert answer.status_code == 404
    assert "secrets backend" in answer.json()["detail"]["problem"]


async def test_what_cannot_be_read_of_a_page_is_counted(browser, make, groq_emulator):
    made = make(number=2)
    page = {"object": "list", "data": [*groq_emulator.batches(), {"id": "", "status": 7}]}
    groq_emulator.fault("/batches", method="GET", status=200, json=page)
    answer = await browser("op").get(BATCHES)
    assert set(rows_of(answer)) == set(made)
    assert answer.json()["left_out"] == 1


HOSTILE = "<img src=x onerror=alert(1)>"


async def test_what_a_batch_says_is_data(browser, make):
    (batch_id,) = make(HOSTILE, HOSTILE, HOSTILE, airflow_map_index="1e9", airflow_task=HOSTILE, **{HOSTILE: HOSTILE})
    answer = await browser("op").get(BATCHES)
    assert answer.headers["content-type"] == "application/json"
    owner = rows_of(answer)[batch_id]["owner"]
    assert owner == {"dag_id": HOSTILE, "task_id": HOSTILE, "run_id": HOSTILE, "map_index": "1e9", "known": ""}


@pytest.mark.parametrize("name", ["a\0b", "x" * 251, "a\u2028b"])
async def test_a_name_that_no_dag_has_is_not_looked_up(make, browser, monkeypatch, name):
    """PostgreSQL refuses a text with NUL."""
    from airflow_provider_groq.ui import owners

    asked = []
    some_of = owners._some_of
    monkeypatch.setattr(owners, "_some_of", lambda values: asked.extend(values) or some_of(values))
    (batch_id,) = make(name, "task", "run", airflow_map_index="-1")
    assert rows_of(await browser("op").get(BATCHES))[batch_id]["owner"]["known"] == ""
    assert asked == []


async def test_who_makes_up_cursors_asks_groq_only_so_much(make, browser, groq_emulator):
    groq_emulator.fault("/batches", method="GET", times=None, delay=4.0)
    admin = browser("admin")
    answers = await asyncio.gather(*(admin.get(f"{BATCHES}?cursor={number}") for number in range(12)))
    assert [answer.status_code for answer in answers].count(502) >= 12 - 8
    assert "Too many pages" in next(
        answer.json()["detail"]["detail"] for answer in answers if answer.status_code == 502
    )


@pytest.fixture
def run(auth_manager, run_dag, groq_emulator):
    """A run of a Dag, whose task has made a batch."""
    groq_emulator.set(seconds=0)
    return run_dag("create_worker")


async def test_an_owner_is_known_as_long_as_it_exists(run, browser):
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    op = browser("op")
    (row,) = rows_of(await op.get(BATCHES)).values()
    names = {"dag_id": "create_worker", "task_id": "create", "run_id": run.run_id, "map_index": "-1"}
    assert row["owner"] == names | {"known": "task"}

    with create_session() as session:
        for ti in session.query(TaskInstance).filter_by(run_id=run.run_id):
            session.delete(ti)
    (row,) = rows_of(await op.get(BATCHES)).values()
    assert row["owner"] == names | {"known": "dag"}


@pytest.fixture
def mapped_runs(auth_manager, run_dag, groq_emulator):
    """Two runs of a Dag, as their ids."""
    groq_emulator.set(seconds=0)
    return [run_dag("create_worker").run_id for _ in range(2)]


def test_only_the_task_instances_that_are_named_are_looked_up(mapped_runs):
    """Not each task of each run of each Dag that any batch names."""
    from airflow.utils.session import create_session

    from airflow_provider_groq.ui.owners import _those_of

    first, second = mapped_runs
    named = [("create_worker", "create", first, -1), ("create_worker", "other", second, -1)]
    with create_session() as session:
        assert [tuple(row) for row in session.execute(_those_of(named))] == named[:1]
