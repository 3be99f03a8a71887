"""Metrics and spans of a whole job on real Airflow: from its worker and its triggerer, over UDP and HTTP."""

import pytest
from system.rest import await_that

pytestmark = pytest.mark.system

CONNECTION = "groq_measured"
STEPS = {"groq.check", "groq.upload", "groq.create", "groq.wait", "groq.download", "groq.land"}


@pytest.fixture(scope="module")
def made(airflow, told, emulator, tmp_path_factory):
    """The ids of the batches of a deferred job of seven rows in three shards, all of whose metrics have come."""
    folder = tmp_path_factory.mktemp("job")
    rows = folder / "rows"
    rows.write_text("".join(f"thing {number}\n" for number in range(7)))
    before = {batch["id"] for batch in emulator.batches()}
    run = airflow.trigger("job_measured", input_path=str(rows), output_path=str(folder / "answers"))
    airflow.await_state(run, "create", "deferred")
    await_that(lambda: told[0].values("groq.polls.lag", CONNECTION), "the triggerer polls")
    emulator.advance(40)
    airflow.await_state(run, "create", "success")
    return {batch["id"] for batch in emulator.batches()} - before


def test_worker_and_triggerer_tell_their_metrics(made, told):
    statsd, _ = told
    counts = statsd.counts(CONNECTION)
    assert counts["groq.rows.succeeded"] == counts["groq.requests.completed"] == 7
    assert counts["groq.batches.submitted"] == counts["groq.batches.completed"] == len(made) == 3
    assert counts["groq.tokens.prompt"] > 0
    assert counts["groq.tokens.completion"] > 0
    assert counts["groq.polls"] >= 6
    (deferred,) = statsd.values("groq.waits.triggerer", CONNECTION)
    assert 5_000 < deferred < 120_000
    assert max(statsd.values("groq.waits.worker", CONNECTION)) > 9_000
    await_that(lambda: statsd.values("groq.waits.running", CONNECTION)[-1] == 0, "nothing is left to wait for")
    assert max(statsd.values("groq.waits.running", CONNECTION)) == 3


def test_all_steps_are_spans_of_one_trace(made, told):
    """Also those of threads, as uploads, and that of the triggerer, each under Airflow's own span."""
    _, collector = told

    def ours():
        (trace,) = {span.trace_id for span in collector.spans() if span.attributes.get("groq.batch_id") in made}
        return [span for span in collector.spans() if span.trace_id == trace]

    def complete():
        names = {span.name for span in ours()}
        return names >= STEPS | {"worker.create", "trigger.create"}

    await_that(complete, "all spans have come")
    names = {span.span_id: span.name for span in ours()}
    steps = [span for span in ours() if span.name in STEPS]
    assert {span.attributes["groq.conn_id"] for span in steps} == {CONNECTION}
    created = [span for span in steps if span.name == "groq.create"]
    assert {span.attributes["groq.batch_id"] for span in created} == made
    assert len([span for span in steps if span.name == "groq.upload"]) == 3
    parents = {(span.name, names[span.parent]) for span in steps}
    assert ("groq.wait", "trigger.create") in parents
    assert parents - {("groq.wait", "trigger.create")} == {(step, "worker.create") for step in STEPS}
    waited = [span for span in steps if names[span.parent] == "trigger.create"]
    assert [set(span.attributes["groq.batch_ids"]) for span in waited] == [made]
    assert waited[0].seconds > 5
