"""Whatever is killed whenever: one task makes one batch, and its results are whole."""

import json

from crash.job_rounds import KNOWN, QUESTIONS, ROWS, JobRound, ThriftyRound, draw_job, draw_thrifty
from crash.rounds import REQUESTS, Round, draw

from airflow_provider_groq.answers import read_answers

RUNNING = {"validating", "in_progress", "finalizing"}
LIVE = {*RUNNING, "completed"}


def test_one_batch_whatever_is_killed(crash_seed, groq_emulator, tmp_path, nursery):
    """The seed is in the test's name: `make crash ARGS="-k 1-17]"` repeats round 17 of seed 1."""
    plan = draw(crash_seed)
    this = Round(plan, groq_emulator, tmp_path)
    try:
        batch_id = this.run()
    finally:
        this.close()
        print(f"{plan}\n{[str(blow) for blow in plan.blows]}, {this.hits} hit, {this.tries} tries\n{this.log()}")  # noqa: T201 - shown when the round fails

    batches = groq_emulator.batches()
    assert [batch["id"] for batch in batches if batch["status"] in LIVE] == [batch_id]
    assert len(batches) == 1 or not plan.quiet
    (batch,) = [batch for batch in batches if batch["id"] == batch_id]
    assert batch["status"] == "completed"
    output = groq_emulator.file_content(batch["output_file_id"])
    answered = sorted(json.loads(line)["custom_id"] for line in output.splitlines())
    assert answered == [request["custom_id"] for request in REQUESTS]
    assert groq_emulator.api_key not in this.log()


def test_rounds_differ_and_a_seed_repeats_one():
    plans = [draw(f"1-{number}") for number in range(50)]
    assert plans == [draw(f"1-{number}") for number in range(50)]
    assert len({str(plan) for plan in plans}) == 50
    assert (
        {plan.stored for plan in plans}
        == {plan.pauses for plan in plans}
        == {plan.quiet for plan in plans}
        == {True, False}
    )


def test_one_answer_for_each_row_whatever_is_killed(job_seed, groq_emulator, tmp_path, nursery):
    """Killed at any exchange and at any file; its rows come in another order at each call, and it may be cleared."""
    plan = draw_job(job_seed)
    this = JobRound(plan, groq_emulator, tmp_path)
    try:
        manifest = this.run()
    finally:
        this.close()
        blows = [str(blow) for blow in plan.blows]
        print(f"{plan}\n{blows}, {this.hits} hit, {this.tries} tries, {this.cleared} clears\n{this.log()}")  # noqa: T201 - shown when the round fails

    answers = list(read_answers(manifest))
    assert manifest["rows"]["succeeded"] == len(answers) == ROWS
    assert sorted(answer.custom_id for answer in answers) == sorted(f"row-{number}" for number in range(ROWS))
    assert [answer.index for answer in answers] == list(range(ROWS))
    for answer in answers:
        assert answer.output == f"the answer to {answer.custom_id.replace('-', ' ')}"
        number = int(answer.custom_id.removeprefix("row-"))
        assert answer.input == {"text": f"Row {number}", "number": number}
    batches = groq_emulator.batches()
    assert not {batch["status"] for batch in batches} & RUNNING
    # Each row is answered, and paid, once: no request succeeded twice.
    assert sum(batch["request_counts"]["completed"] for batch in batches) == ROWS
    # Nothing but the output is left.
    assert all(path.name.startswith(("manifest.json", "part-")) for path in this.output.iterdir())
    assert not plan.delete_files or not groq_emulator.files() or plan.pauses or plan.faults
    assert groq_emulator.api_key not in this.log()


def test_no_equal_request_is_paid_twice_whatever_is_killed(thrifty_seed, groq_emulator, tmp_path, nursery):
    """A job with ``dedupe``, ``reuse`` and ``canary``: each row one answer, and nothing sent after a stop."""
    plan = draw_thrifty(thrifty_seed)
    this = ThriftyRound(plan, groq_emulator, tmp_path)
    try:
        manifest = this.run()
    finally:
        this.close()
        blows = [str(blow) for blow in plan.blows]
        told = (
            f"{plan}\n{blows}, {this.hits} hit, {this.tries} tries, {this.cleared} clears\n{this.asked}\n{this.log()}"
        )
        print(told)  # noqa: T201 - shown when the round fails

    answers = list(read_answers(manifest))
    assert [answer.index for answer in answers] == list(range(ROWS))
    assert sorted(answer.custom_id for answer in answers) == sorted(f"row-{number}" for number in range(ROWS))
    statuses = {}
    for answer in answers:
        number = int(answer.custom_id.removeprefix("row-"))
        question = number % QUESTIONS
        assert answer.input == {"text": f"Row {question}", "number": number}
        assert statuses.setdefault(question, answer.status) == answer.status
        assert (answer.status == "succeeded") is (question in KNOWN or not plan.stops)
        if answer.status == "succeeded":
            assert answer.output == f"the answer to What is Row {question}?"
            assert answer.reused_from == (str(tmp_path / "earlier") if question in KNOWN else None)

    batches = [batch for batch in groq_emulator.batches() if batch["id"] not in this.others]
    assert not {batch["status"] for batch in batches} & RUNNING
    unknown = QUESTIONS - len(KNOWN)
    assert sum(batch["request_counts"]["completed"] for batch in batches) == (0 if plan.stops else unknown)
    if not plan.clear_after:
        not_sent = {question for question, status in statuses.items() if status == "not_sent"}
        assert not_sent.isdisjoint(question for question, _ in this.asked), "sent after a stop"
        assert bool(not_sent) is (manifest["stopped"] is not None)
    if plan.quiet:
        assert len(set(this.asked)) == len(this.asked), "sent twice"
    assert all(path.name.startswith(("manifest.json", "part-")) for path in this.output.iterdir())
    assert groq_emulator.api_key not in this.log()


def test_thrifty_rounds_differ():
    plans = [draw_thrifty(f"1-{number}") for number in range(50)]
    assert len({str(plan) for plan in plans}) == 50
    assert {plan.stops for plan in plans} == {plan.quiet for plan in plans} == {True, False}
