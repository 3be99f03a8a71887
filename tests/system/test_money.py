"""What jobs pay for on the whole of Airflow, and what they do not: counted at the emulator.

All but the deferred canary begin at once, and share the time that Airflow takes.
"""

import json
import re
import signal
from itertools import chain
from types import SimpleNamespace

import pytest
from airflows import VERSION, since
from system.conftest import PRICES
from system.job_runs import ROWS, Job
from system.rest import await_that
from system.test_pay_once import process_of

pytestmark = pytest.mark.system

SMALL, LARGE = PRICES
EXAMPLE = "groq_estimate_approve_send"


def answer(request):
    """Rows are answered as their ids begin."""
    kind = request["custom_id"].partition("-")[0]
    if kind == "wrong":
        return {"$error": 422}
    if kind == "busy" and request["body"]["model"] == SMALL:
        return {"$error": 498}
    return "good"


def cost(model, tokens):
    price = PRICES[model]
    return (tokens["prompt_tokens"] * price["input"] + tokens["completion_tokens"] * price["output"]) / 1_000_000


def begin_late(airflow, emulator, folder):
    """A job that dies while its canary runs, and is retried when its 20 seconds are over; the canary ends before."""
    emulator.set(seconds=600)
    job = Job(airflow, emulator, folder, "late")
    job.await_batches(1)
    process_of(airflow, job.run).send_signal(signal.SIGKILL)
    emulator.advance(600)
    emulator.set(seconds=1)
    return job


@pytest.fixture(scope="module")
def jobs(airflow, emulator, tmp_path_factory):
    """Jobs that run beside each other."""
    folder = tmp_path_factory.mktemp("money")
    emulator.answer_with(answer)

    def begin(way, rows, name=None, **conf):
        return Job(airflow, emulator, folder / (name or way), way, rows, **conf)

    late = begin_late(airflow, emulator, folder / "late")
    tickets, output = folder / "tickets.csv", folder / "approved"
    tickets.write_text("id,text\n1,The printer burns.\n2,It rains in.\n")
    conf = {"input_path": str(tickets), "output_path": str(output)}
    yield SimpleNamespace(
        begin=begin,
        late=late,
        approved=airflow.trigger(EXAMPLE, **conf) if VERSION >= (3, 1) else None,
        two_rounds=begin("two_rounds", ["good-1", "good-2", "busy-1", "wrong-1"]),
        costly=begin("costly", ROWS),
        costly_later=begin("costly_later", ["good-1", "good-2", "good-3", "busy-1", "busy-2"]),
        never_twice=begin("never_twice", ["1: ox", "2: cow", "3: ox", "4: bee", "5: cow"]),
    )
    emulator.set(answer_function=None, seconds=40)


@pytest.fixture(autouse=True)
def quick_batches(emulator, jobs):
    emulator.set(seconds=1)


def ended(airflow, job, state, *, retried=False):
    """Wait for the end of a job; the log of its last try. A stop for good uses no retry."""
    airflow.await_end(job.run, state)
    number = airflow.task(job.run, "create")["try_number"]
    log = airflow.log(job.run, "create", number)
    assert (number > 1) is retried, log
    return log


def manifest_of(job):
    return json.loads((job.output / "manifest.json").read_text())


def statuses(job):
    return [answer["status"] for answer in job.answers()]


def test_tokens_cost_and_causes_by_round_and_model(airflow, jobs):
    job = jobs.two_rounds
    log = ended(airflow, job, "success")
    assert sorted(job.sent()) == [["busy-1"], ["good-1", "good-2", "busy-1"], ["wrong-1"]]
    assert job.paid() == 3

    manifest = manifest_of(job)
    assert airflow.xcom(job.run, "create", "return_value").items() >= {"cost": manifest["cost"]}.items()
    assert list(manifest["tokens"]) == [SMALL, LARGE]
    first, second = manifest["rounds"]
    assert (list(first["tokens"]), list(second["tokens"])) == ([SMALL], [LARGE])
    for round_, model in ((first, SMALL), (second, LARGE)):
        assert round_["tokens"][model] == manifest["tokens"][model]
        assert round_["cost"] == pytest.approx(cost(model, round_["tokens"][model]))
    assert manifest["cost"] == pytest.approx(first["cost"] + second["cost"])

    assert re.search(r"What failed, of 4 rows:.*\|    1 \| 25.0% \| 422 ?\S* +\| wrong-1 ", log, re.DOTALL)
    used = manifest["tokens"][LARGE]
    assert re.search(
        rf"\| +2 \| +{used['prompt_tokens']} \| +{used['completion_tokens']} \|[^|]+\|[^|]+\| {LARGE} \|", log
    )
    assert re.search(rf"\| +all \|.*\| +{manifest['cost']:.6f} \|", log)


def test_max_cost_stops_a_job_after_its_canary(airflow, jobs):
    job = jobs.costly
    log = ended(airflow, job, "failed")
    assert job.sent() == [ROWS[:2]]
    assert statuses(job) == [*2 * ["succeeded"], *6 * ["not_sent"]]
    assert manifest_of(job)["rows"]["not_sent"] == 6
    assert airflow.xcom(job.run, "create", "projection")["rows_to_send"] == 6
    projected, rest = re.search(r"max_cost is 1e-06, but .* cost ([\d.]+): .* and ([\d.]+) for 6 rows", log).groups()
    assert float(projected) == pytest.approx(airflow.xcom(job.run, "create", "projection")["cost"], abs=1e-6)
    assert float(rest) == pytest.approx(3 * manifest_of(job)["cost"], abs=1e-6)


def test_max_cost_stops_a_job_before_a_round_that_is_too_dear(airflow, jobs):
    job = jobs.costly_later
    log = ended(airflow, job, "failed")
    assert job.sent() == [["good-1", "good-2"], ["good-3", "busy-1", "busy-2"]]
    assert job.paid() == 3
    assert statuses(job) == [*3 * ["succeeded"], *2 * ["failed"]]
    assert manifest_of(job)["stopped"]["reason"] == "cost"
    assert "for 2 rows to be sent. Those rows were not sent." in log


def test_equal_rows_and_those_of_the_last_run_are_not_paid_again(airflow, jobs):
    first = jobs.never_twice
    log = ended(airflow, first, "success")
    second = jobs.begin(
        "never_twice", ["a: bee", "b: ant", "c: cow", "d: ant", "e: fly"], "never_twice_2", reuse=str(first.output)
    )
    assert first.sent() == [["1", "2", "4"]]
    assert "2 rows have the same request as another row, and are not sent (dedupe)." in log
    assert [(row["custom_id"], row.get("same_as")) for row in first.answers()] == [
        ("1", None),
        ("2", None),
        ("3", "1"),
        ("4", None),
        ("5", "2"),
    ]
    assert (manifest_of(first)["duplicates"], manifest_of(first)["rounds"][0]["rows"]) == (2, 3)

    log = ended(airflow, second, "success")
    assert second.sent() == [["b", "e"]]
    assert f"2 of 5 rows already have an answer and are not sent: 2 in {first.output}." in log
    assert (manifest_of(second)["reused"], manifest_of(second)["duplicates"]) == (2, 1)
    reused = [row["custom_id"] for row in second.answers() if row.get("reused_from") == str(first.output)]
    assert reused == ["a", "c"]


@since(3, 1, "ApprovalOperator")
def test_what_a_dry_run_tells_is_approved_and_then_sent(airflow, emulator, jobs):
    question = f"{jobs.approved}/taskInstances/approve/-1/hitlDetails"
    run_id = jobs.approved.rpartition("/")[2]

    def batches():
        return [batch for batch in emulator.batches() if (batch["metadata"] or {}).get("airflow_run_id") == run_id]

    airflow.await_state(jobs.approved, "estimate", "success")
    await_that(lambda: airflow.exists(question), "somebody is asked")
    told = airflow.xcom(jobs.approved, "estimate", "return_value")
    asked = airflow.call("GET", question)
    assert asked["subject"] == "Send 2 rows to Groq?"
    assert json.loads(asked["body"]) == told
    assert (told["to_send"], told["shards"]) == (2, 1)
    assert told["cost"] == pytest.approx(cost(SMALL, told["models"][SMALL]))
    assert batches() == []
    airflow.call("PATCH", question, chosen_options=["Approve"])
    await_that(batches, "the rows are sent")
    airflow.await_end(jobs.approved, "success")
    assert [batch["request_counts"]["completed"] for batch in batches()] == [2]


def test_a_retry_after_the_deadline_lands_what_there_is_and_sends_nothing(airflow, jobs):
    job = jobs.late
    log = ended(airflow, job, "failed", retried=True)
    assert job.sent() == [ROWS[:2]]
    assert statuses(job) == [*2 * ["succeeded"], *6 * ["not_sent"]]
    assert manifest_of(job)["stopped"]["reason"] == "deadline"
    assert "The job's deadline has passed: 6 rows were not sent, 0 were cancelled" in log
    assert job.answers()[7]["error"]["message"] == "The job's deadline passed before this row was sent."


def test_a_canary_that_fails_ends_the_job_for_good_and_a_clear_pays_for_it_again_if_the_prompt_changed(
    airflow, emulator, slow_batches, tmp_path
):
    """Its waits are deferred, and the failure uses none of the three retries."""
    rows = [f"bird-{number}" for number in range(8)]  # not those of a job that still runs
    emulator.set(failing_requests={"bird-0": 422})
    job = Job(airflow, emulator, tmp_path, "canary", rows)
    job.await_batches(1)
    airflow.await_state(job.run, "create", "deferred")
    emulator.advance(600)
    assert "The canary failed: no good answer for 1 of 2 rows: 1 with 422" in ended(airflow, job, "failed")
    assert statuses(job) == ["failed", "succeeded", *6 * ["not_sent"]]
    assert (len(job.batches()), job.paid()) == (1, 1)

    emulator.set(failing_requests={})
    airflow.clear(job.run, "create")
    job.await_batches(2)
    airflow.await_state(job.run, "create", "deferred")
    emulator.advance(600)
    job.await_batches(5)
    assert airflow.xcom(job.run, "create", "projection")["rows_to_send"] == 6
    manifest = job.finish()
    assert (manifest["rows"]["succeeded"], manifest["reused"], job.paid()) == (8, 1, 8)
    assert job.sent()[:2] == [["bird-0", "bird-1"], ["bird-0"]]
    assert sorted(chain(*job.sent()[2:])) == rows[2:]
    assert 0 < manifest["cost"] < 1
    assert "Tokens and cost:" in airflow.log(job.run, "create", 2)

    job.write(f"{row}: other words" for row in rows)
    emulator.set(failing_requests={"bird-1": 422})
    airflow.clear(job.run, "create")
    job.await_batches(6)
    airflow.await_state(job.run, "create", "deferred")
    emulator.advance(600)
    airflow.await_end(job.run, "failed")
    emulator.set(failing_requests={})
    assert job.sent()[5:] == [["bird-0", "bird-1"]]
    assert job.paid() == 9
