"""The page "Groq batches" in a browser, on the whole of Airflow under a base path."""

import io
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bundles import BUNDLES, bundles
from system.rest import FILES_STAY, KEY, Airflow, await_that

from airflow_provider_groq.demo.home import DAGS_FOLDER, Home, Standalone
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.hooks.groq import GroqHook

pytestmark = pytest.mark.system

TESTS = Path(__file__).parents[1]
PATH = "plugin/groq-batches"
HOSTILE = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>'
STATUSES = ("validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
LINE = {
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}


@pytest.fixture(scope="module")
def groq():
    """An account whose clock only the tests move, so that it lags behind by as long as Airflow takes to start."""
    with GroqEmulator(speed=0, api_key=KEY) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def airflow(groq, chromium, new_database, tmp_path_factory):
    """Airflow, on which three Dags have made batches: two of them one, the other a job of four."""
    folder = tmp_path_factory.mktemp("page")
    home = Home(folder / "airflow", None)
    new_database(home.path)
    home.save_connection(groq.connection_json)
    settings = {
        **FILES_STAY,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        BUNDLES: bundles(TESTS / "dags" / "create.py", TESTS / "dags" / "infer.py", DAGS_FOLDER / "groq_sentiments.py"),
    }
    log_path = folder / "standalone.log"
    with log_path.open("wb") as log, Standalone(home, log, base_path="/data/airflow", **settings) as standalone:
        airflow = Airflow(standalone, log_path)
        passwords = home.path / "simple_auth_manager_passwords.json.generated"
        airflow.passwords = json.loads(passwords.read_text())
        rows = folder / "rows.txt"
        rows.write_text("".join(f"row {number}\n" for number in range(11)))
        airflow.one = airflow.trigger("create_slowly_deferred")
        airflow.job = airflow.trigger("job_deferred", input_path=str(rows), output_path=str(folder / "answers"))
        airflow.example = airflow.trigger("groq_sentiments", output_path=str(folder / "sentiments"))
        await_that(lambda: len(groq.batches()) == 6, "the Dags have made their batches")
        for batch in groq.batches():
            groq.force_status(batch["id"], "in_progress", processed=2)
        groq.set(seconds=1_000)  # those that the tests make
        yield airflow
        airflow.close()
    assert KEY.encode() not in log_path.read_bytes()


@pytest.fixture(scope="module")
def make(groq):
    """Makes a batch, as others do who have the key."""

    def make(requests=200, **metadata):
        lines = "".join(json.dumps(LINE | {"custom_id": f"row-{number}"}) + "\n" for number in range(requests))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_GROQ_OF_OTHERS", groq.connection_json)
            with GroqHook("groq_of_others") as hook:
                file_id = hook.upload_file(io.BytesIO(lines.encode())).id
                return hook.create_batch(file_id, metadata=metadata or None).id

    return make


@pytest.fixture
def open_batches(airflow, open_page):
    """Opens the page, and waits for a batch to be in it: an answer serves for 5 s."""

    def open_batches(shows=None, user="admin", by_menu=False, **options):
        path = "/" if by_menu else f"/{PATH}"
        page = open_page(airflow.url, user, airflow.passwords[user], path=path, size=(1440, 900), **options)
        if by_menu:
            page.get_by_role("button", name="Browse").click()
            page.get_by_role("menuitem", name="Groq batches").click()
        page.get_by_role("table").wait_for()
        if shows:
            row_of(page, shows).wait_for()
        return page

    return open_batches


def row_of(page, batch_id):
    return page.locator(f"tr[data-batch='{batch_id}']")


def batches_of(groq, dag_id):
    named = ((batch["id"], (batch["metadata"] or {}).get("airflow_dag_id")) for batch in groq.batches())
    return [batch_id for batch_id, named_dag_id in named if named_dag_id == dag_id]


def done_of(page, batch_id):
    bar = row_of(page, batch_id).get_by_role("progressbar")
    return int(bar.get_attribute("aria-valuenow")) if bar.count() else 0


def test_the_menu_leads_to_a_list_with_a_job_under_its_sum(airflow, groq, open_batches):
    page = open_batches(by_menu=True)
    assert urlsplit(page.url).path == f"/data/airflow/{PATH}"
    (one,), job = batches_of(groq, "create_slowly_deferred"), batches_of(groq, "job_deferred")[:4]
    assert row_of(page, one).is_visible()
    toggle = page.get_by_role("button", name="4 batches", exact=True)
    of_job = page.get_by_role("row").filter(has=toggle).inner_text()
    assert "job_deferred / create" in of_job
    assert "of 11 " in of_job
    assert not row_of(page, job[0]).is_visible()
    toggle.press("Enter")
    assert all(row_of(page, batch_id).is_visible() for batch_id in job)
    assert toggle.get_attribute("aria-expanded") == "true"
    assert page.problems == []
    hosts = {urlsplit(url).netloc for url in page.asked if url.startswith("http")}
    assert hosts == {urlsplit(airflow.url).netloc}  # nothing but this Airflow


def test_progress_moves_and_a_new_status_is_announced(groq, make, open_batches):
    batch_id = make()
    groq.advance(300)
    page = open_batches(batch_id)
    before = done_of(page, batch_id)
    assert 0 < before < 200
    groq.advance(300)
    await_that(lambda: done_of(page, batch_id) > before, "the bar has moved")
    groq.advance(350)
    await_that(lambda: "Finalizing" in row_of(page, batch_id).inner_text(), "the status has changed")
    news = page.get_by_role("status").get_by_text(re.compile(f"Batch {batch_id} is finalizing"))
    news.wait_for(state="attached")
    assert page.problems == []


@pytest.fixture(scope="module")
def various(groq, airflow, make):
    """Batches of every status, of two tasks."""
    owners = [("groq_sentiments", "classify", airflow.example), ("job_deferred", "create", airflow.job)]
    various = {}
    groq.set(seconds=100, failing_requests={"row-?7": "capacity_exceeded"})
    for number, status in enumerate(STATUSES):
        dag_id, task_id, run = owners[number % 2]
        owner = {"airflow_dag_id": dag_id, "airflow_task_id": task_id, "airflow_run_id": run.split("/")[-1]}
        various[status] = make(500 + 150 * number, airflow_map_index="-1", **owner)
    groq.set(seconds=1_000, failing_requests={})
    groq.advance(60)
    for status in STATUSES:
        groq.force_status(various[status], status)
    return various


def test_filters_and_the_address_hold_what_is_shown(various, groq, open_batches):
    page = open_batches(various["expired"])
    status, dag = page.get_by_role("combobox", name="Status"), page.get_by_role("combobox", name="Dag")
    shown = page.locator("tr[data-batch]")
    status.select_option("Expired")
    await_that(lambda: shown.count() == 1, "one batch is left")
    assert row_of(page, various["expired"]).is_visible()
    dag.select_option("create_slowly_deferred")
    page.get_by_text("matches the filters").wait_for()
    page.reload()
    page.get_by_text("matches the filters").wait_for()
    assert (status.input_value(), dag.input_value()) == ("expired", "create_slowly_deferred")
    status.select_option("Any status")
    await_that(lambda: shown.count() == 1, "the Dag's batch is there")
    (one,) = batches_of(groq, "create_slowly_deferred")
    assert row_of(page, one).is_visible()
    assert page.problems == []


@pytest.fixture
def hostile(groq, make):
    """Two batches that mean harm: one by its owner, one by why it failed."""
    by_owner = make(40, **dict.fromkeys(("airflow_dag_id", "airflow_task_id", "airflow_run_id"), HOSTILE))
    by_error = make(80)
    groq.force_status(by_error, "failed", errors=[{"code": "invalid_jsonl", "message": HOSTILE, "line": 3}])
    return by_owner, by_error


def test_nothing_of_a_batch_is_html(hostile, open_batches):
    by_owner, by_error = hostile
    page = open_batches(by_error)
    title = page.title()
    assert HOSTILE in row_of(page, by_owner).inner_text().replace("\n", "")
    assert row_of(page, by_owner).get_by_role("link").count() == 1  # the console's
    row_of(page, by_error).get_by_text("What happened").click()
    assert HOSTILE in row_of(page, by_error).inner_text()
    assert page.locator("main img, main script").count() == 0
    assert page.title() == title == "Groq batches - Airflow"
    assert page.problems == []


def test_both_links_lead_where_they_say(airflow, groq, make, open_batches):
    owner = {"airflow_task_id": "create", "airflow_run_id": "manual__2026-11-20T06:00:00+00:00"}
    gone = make(airflow_dag_id="create_worker", airflow_map_index="3", **owner)
    (one,) = batches_of(groq, "create_slowly_deferred")
    page = open_batches(gone)
    console = row_of(page, one).get_by_role("link", name=one)
    assert console.get_attribute("href") == f"https://console.groq.com/batches?id={one}"
    assert (console.get_attribute("target"), console.get_attribute("rel")) == ("_blank", "noopener noreferrer")

    assert "this task instance no longer exists" in row_of(page, gone).inner_text()
    dag = row_of(page, gone).get_by_role("link", name="create_worker / create [3]")
    assert dag.get_attribute("href") == "/data/airflow/dags/create_worker"

    assert page.problems == []  # the next page is Airflow's
    row_of(page, one).get_by_role("link", name="create_slowly_deferred / create").click()
    page.wait_for_url(lambda url: "/plugin/" not in url)
    assert unquote(urlsplit(page.url).path) == f"/data/airflow/{airflow.one}/tasks/create".replace("dagRuns", "runs")
    page.get_by_text("Deferred").first.wait_for()


def test_a_cancel_by_keyboard_says_what_it_does_and_gives_the_focus_back(groq, make, open_batches):
    batch_id = make()
    groq.advance(400)
    page = open_batches(batch_id)
    button = page.get_by_role("button", name=f"Cancel batch {batch_id}")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel this batch?")
    assert "fails with GroqBatchCancelledError, and Airflow does not retry it" in dialog.inner_text()
    assert re.search(r"\d+ requests of 200 are done", dialog.inner_text())
    assert page.evaluate("document.activeElement.textContent") == "Keep it"
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    await_that(
        lambda: page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Cancel batch {batch_id}",
        "the focus is back",
    )

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Cancel batch"
    page.keyboard.press("Enter")
    dialog.wait_for(state="hidden")
    page.get_by_role("status").get_by_text(f"Batch {batch_id} is cancelling.").wait_for(state="attached")
    await_that(lambda: "Cancelling" in row_of(page, batch_id).inner_text(), "the row says so")
    assert button.count() == 0
    assert page.evaluate("document.activeElement.tagName") == "H1"
    groq.advance(10)
    (status,) = [batch["status"] for batch in groq.batches() if batch["id"] == batch_id]
    assert status == "cancelled"
    assert page.problems == []


def test_a_batch_of_a_job_says_what_becomes_of_the_job(groq, airflow, make, open_batches):
    shard = {"airflow_task": "t", "airflow_input": "i", "airflow_round": "f.1.1", "airflow_dag_id": "job_deferred"}
    batch_id = make(**shard)
    page = open_batches(batch_id)
    page.get_by_role("button", name=f"Cancel batch {batch_id}").click()
    dialog = page.get_by_role("dialog")
    assert "continues with its other batches" in dialog.inner_text()
    assert "mark its task as failed" in dialog.inner_text()


@pytest.fixture
def shards(groq, make):
    """Three batches of one job, of which one has ended."""
    owner = {"airflow_dag_id": "job_deferred", "airflow_task_id": "create", "airflow_run_id": "gone"}
    marks = {"airflow_task": f"t{len(groq.batches())}", "airflow_round": "f.1.1"}
    shards = [make(30, airflow_input=str(number), **marks, **owner) for number in range(3)]
    groq.force_status(shards[0], "expired", processed=20)
    for shard in shards[1:]:
        groq.force_status(shard, "in_progress", processed=10)
    return shards


def sum_of(page, batch_id):
    """The row of the sum of a batch's task."""
    return page.locator("tbody").filter(has=row_of(page, batch_id)).get_by_role("row").first


def open_job(page, batches="3 batches"):
    """Open the newest job of so many batches."""
    page.get_by_role("button", name=batches, exact=True).first.click()


def test_a_job_is_cancelled_as_a_whole(groq, shards, open_batches):
    page = open_batches()
    page.get_by_role("button", name="3 batches", exact=True).first.wait_for()
    open_job(page)
    row_of(page, shards[0]).wait_for()
    button = sum_of(page, shards[0]).get_by_role("button", name="Cancel the 3 batches of create")
    assert button.inner_text() == "Cancel all"
    button.click()
    dialog = page.get_by_role("dialog", name="Cancel these 2 batches?")
    assert "mark its task as failed" in dialog.inner_text()
    assert "20 requests of 60 are done" in dialog.inner_text()
    assert page.evaluate("document.activeElement.textContent") == "Keep them"
    fault = groq.fault(f"/batches/{shards[2]}/cancel", status=500, times=None)
    dialog.get_by_role("button", name="Cancel batches").click()
    dialog.get_by_role("alert").get_by_text("1 batch of 2 could not be cancelled. Groq answered with status").wait_for()
    groq.remove_fault(fault)
    dialog.get_by_role("button", name="Cancel batches").click()
    dialog.wait_for(state="hidden")
    # After "2 batches are being cancelled", which the next look replaces.
    page.get_by_role("status").get_by_text(f"Batch {shards[2]} is cancelling.").wait_for(state="attached")
    await_that(lambda: "2 cancelling" in sum_of(page, shards[0]).inner_text(), "the sum says so")
    assert button.count() == 0
    statuses = {batch["id"]: batch["status"] for batch in groq.batches()}
    assert [statuses[batch_id] for batch_id in shards] == ["expired", "cancelling", "cancelling"]
    assert [problem for problem in page.problems if "500" not in problem] == []


def test_a_viewer_sees_the_batches_and_can_cancel_none(groq, make, airflow, open_batches):
    """The button is not there, and the server refuses whoever asks without it."""
    batch_id = make(airflow_dag_id="create_worker", airflow_task_id="create", airflow_run_id="gone")
    of_nobody = make()
    page = open_batches(batch_id, user="viewer")
    assert row_of(page, of_nobody).count() == 0  # for those who may see the connection
    assert page.get_by_role("combobox", name="Connection").locator("option").all_inner_texts() == [
        "groq_default",  # the usual one: the viewer may list none
        "Another one…",
    ]
    open_job(page, "4 batches")
    (of_job, *_) = batches_of(groq, "job_deferred")
    row_of(page, of_job).wait_for()
    assert row_of(page, batch_id).get_by_role("link", name="create_worker / create").count() == 1
    assert page.get_by_role("button", name=re.compile("Cancel")).count() == 0
    assert page.problems == []
    status = page.evaluate(
        """async (batchId) => (await fetch("/data/airflow/groq/api/connections/groq_default/cancel", {
             method: "POST",
             headers: {"Content-Type": "application/json"},
             body: JSON.stringify({batch_ids: [batchId]}),
           })).status""",
        batch_id,
    )
    assert status == 403
    assert {"cancelling", "cancelled"}.isdisjoint(
        batch["status"] for batch in groq.batches() if batch["id"] == batch_id
    )


def test_a_page_that_nobody_sees_asks_nothing(open_batches):
    page = open_batches()

    def looks():
        return len([url for url in page.asked if "/batches?" in url])

    def turn(state):
        page.evaluate(
            """(state) => {
              Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    await_that(lambda: page.wait_for_timeout(100) or looks() >= 2, "it refreshes itself")
    turn("hidden")
    before = looks()
    page.wait_for_timeout(7_000)  # longer than an answer serves
    assert looks() == before
    turn("visible")
    await_that(lambda: page.wait_for_timeout(100) or looks() > before, "it goes on")
    page.get_by_label("Refresh automatically").uncheck()
    before = looks()
    page.wait_for_timeout(7_000)
    assert looks() == before
    page.get_by_role("button", name="Refresh").click()
    await_that(lambda: page.wait_for_timeout(100) or looks() == before + 1, "it looks once")


def test_times_are_in_the_zone_that_the_user_has_chosen(groq, make, open_batches):
    page = open_batches(make(), timezone_id="Asia/Tokyo")
    newest = page.locator("tr[data-batch] time").first
    assert "(Asia/Tokyo)" in newest.get_attribute("title")
    tokyo = newest.get_attribute("title")[:19]
    page.evaluate("""localStorage.setItem("timezone", JSON.stringify("America/New_York"))""")
    page.reload()
    page.get_by_role("table").wait_for()
    chosen = page.locator("tr[data-batch] time").first.get_attribute("title")
    assert "(America/New_York)" in chosen
    assert chosen[:19] < tokyo


def test_a_silent_groq_is_told_of_and_what_was_known_stays(groq, make, open_batches):
    batch_id = make()
    page = open_batches(batch_id)
    fault = groq.fault("/batches", method="GET", delay=60.0, times=None)
    alert = page.get_by_role("alert")
    alert.wait_for(timeout=30_000)
    assert "Groq has not answered in time." in alert.inner_text()
    assert "The table is as of" in alert.inner_text()
    assert row_of(page, batch_id).is_visible()
    groq.remove_fault(fault)
    alert.wait_for(state="detached", timeout=30_000)


@pytest.mark.parametrize(
    ("connection", "told"),
    [("nowhere", "has no usable connection"), ("groq_default", None)],
)
def test_a_connection_that_is_not_listed_is_typed(open_batches, connection, told):
    page = open_batches()
    page.get_by_role("combobox", name="Connection").select_option("Another one…")
    page.get_by_label("Id of a connection of type groq").fill(connection)
    page.keyboard.press("Enter")
    if told:
        page.get_by_role("alert").get_by_text(told).wait_for()
        assert page.get_by_role("table").count() == 0
    else:
        page.get_by_role("table").wait_for()
    assert page.get_by_role("combobox", name="Connection").input_value() == connection


CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.unshift(rgba(getComputedStyle(each).backgroundColor));
    }
    const over = (under, [r, g, b, a]) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
    return layers.reduce(over, [255, 255, 255]);
  };
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => rgb.reduce((sum, v, i) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const texts = "main :is(h1, th, td, a, button, select, summary, .groq-muted, .groq-badge, .groq-some-failed)";
  const shown = [...document.querySelectorAll(texts)].filter((one) => one.textContent && one.offsetParent);
  return shown.map((one) => {
    const [a, b] = [light(rgba(getComputedStyle(one).color).slice(0, 3)), light(behind(one))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), `${one.tagName} ${one.className} ${one.textContent}`];
  });
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_in_light_and_in_dark(various, open_batches, dark, take_picture):
    page = open_batches(various["cancelled"], dark=dark)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert page.locator("h1").evaluate("element => getComputedStyle(element).color") != background
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 30
    assert [(ratio, what) for ratio, what in contrasts if ratio < 4.5] == []
    page.get_by_role("button", name="4 batches", exact=True).click()
    take_picture(page, f"page-{'dark' if dark else 'light'}")
    page.get_by_role("button", name=f"Cancel batch {various['in_progress']}").click()
    assert [(ratio, what) for ratio, what in page.evaluate(CONTRASTS) if ratio < 4.5] == []
    if not dark:
        take_picture(page.get_by_role("dialog"), "page-cancel")


def test_a_screen_reader_is_told_what_everything_is(various, open_batches):
    page = open_batches(various["cancelled"])
    assert page.get_by_role("heading", name="Groq batches", level=1).count() == 1
    names = [header.inner_text() for header in page.get_by_role("columnheader").all()]
    assert names == ["Batch", "Status", "Progress", "Failed", "Rate", "Time left", "Owner", "Created", "Actions"]
    nameless = page.locator("main :is(button, select, a, input)").evaluate_all(
        "all => all.filter((one) => !(one.textContent || one.ariaLabel || one.labels?.length)).map((one) => one.id)"
    )
    assert nameless == []
    bar = row_of(page, various["expired"]).get_by_role("progressbar")
    assert bar.get_attribute("aria-label") == f"Progress of batch {various['expired']}"
    assert re.fullmatch(r"[\d,]+ of 1,250 requests done, \d+ failed", bar.get_attribute("aria-valuetext"))
