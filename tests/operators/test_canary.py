"""The first rows of a job, sent alone; and what a job may cost."""

import contextlib
import json
import time

import pytest
from airflows import TaskDeferred
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operators.conftest import LARGE, SMALL, JobTries, texts

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

PRICES = {SMALL: {"input": 1.0, "output": 10.0}, LARGE: {"input": 2.0, "output": 20.0}}


PROMPT, COMPLETION, REASONING = 40, 49, 47
"""What each row uses, as the emulator counts it."""

EACH = (PROMPT * 1.0 + COMPLETION * 10.0) / 1_000_000
"""What it costs with the small model; twice that with the large one."""


def statuses(job):
    return [answer["status"] for answer in job.answers()]


class TestCanary:
    def test_the_first_rows_go_first_and_the_others_follow(self, job):
        waiting = []
        job.emulator.set(seconds=0.2)
        job.emulator.answer_with(lambda request: waiting.append(request["custom_id"]) or "good")
        manifest = job.run(canary=2, delete_files=False)
        assert set(waiting[:2]) == {"row-0", "row-1"}
        assert [len(ids) for ids in job.sent()] == [2, 1, 3, 2], "only the first shard is cut"
        first, *others = sorted(job.emulator.batches(), key=lambda batch: job.ids_of(batch)[0] != "row-0")
        assert all(other["created_at"] >= first["completed_at"] for other in others)
        assert statuses(job) == 8 * ["succeeded"]
        assert manifest["rounds"][0]["rows"] == 8
        assert manifest["stopped"] is None

    def test_where_it_fails_no_other_row_is_sent_and_the_error_says_why(self, job):
        job.emulator.set(failing_requests={"row-0": 422, "row-1": "json_validate_failed"})
        with pytest.raises(AirflowFailException, match="The canary failed: no good answer for 2 of 3 rows") as raised:
            job.run(canary=3, max_failed_ratio=0.5, delete_files=False)
        assert "1 with 422" in str(raised.value)
        assert "such as row-0" in str(raised.value)
        assert "json_validate_failed" in str(raised.value)
        assert job.sent() == [["row-0", "row-1", "row-2"]]
        assert statuses(job) == ["failed", "failed", "succeeded", *5 * ["not_sent"]]
        assert job.answers()[3]["error"]["message"] == "The canary failed, so this row was not sent."
        manifest = json.loads((job.output / "manifest.json").read_text())
        assert (manifest["rows"]["not_sent"], manifest["stopped"]["reason"]) == (5, "canary")
        assert manifest["rounds"][0]["rows"] == 3

    def test_a_retry_after_it_failed_fails_likewise_and_sends_nothing(self, job):
        job.emulator.set(failing_requests={"row-0": 422})
        for _ in range(2):
            with pytest.raises(AirflowFailException, match="The canary failed"):
                job.run(canary=2)
        assert len(job.emulator.batches()) == 1

    @pytest.mark.parametrize(("failing", "fails"), [(1, False), (2, True)])
    def test_as_many_may_fail_as_of_all_rows(self, stored_job, failing, fails):
        stored_job.emulator.set(failing_requests={f"row-{number}": 422 for number in range(failing)})
        if fails:
            with pytest.raises(AirflowFailException, match="The canary failed"):
                stored_job.run(canary=4, max_failed_ratio=0.25)
        else:
            stored_job.run(canary=4, max_failed_ratio=0.25)
        assert statuses(stored_job).count("not_sent") == (4 if fails else 0)

    def test_answers_that_are_cut_off_count_as_failed(self, stored_job):
        stored_job.emulator.set(failing_requests={"row-0": "length", "row-1": "length"})
        with pytest.raises(AirflowFailException, match=r"2 with answers that are cut off .*such as row-0"):
            stored_job.run(canary=2, max_failed_ratio=0.5)
        assert statuses(stored_job) == ["succeeded", "succeeded", *6 * ["not_sent"]]

    def test_a_clear_does_not_pay_the_good_ones_again(self, job):
        job.emulator.set(failing_requests={"row-0": 422})
        with pytest.raises(AirflowFailException, match="The canary failed"):
            job.run(canary=2, delete_files=False)
        job.emulator.set(failing_requests={})
        job.clear()
        job.run(canary=2, delete_files=False)
        assert sorted(row for ids in job.sent() for row in ids) == ["row-0", *(f"row-{number}" for number in range(8))]
        assert ["row-0"] in job.sent(), "what is left of the canary is sent first"
        assert statuses(job) == 8 * ["succeeded"]

    def test_a_clear_after_a_change_of_the_prompt_sends_it_again(self, stored_job):
        stored_job.emulator.set(failing_requests={"row-0": 422})
        with pytest.raises(AirflowFailException, match="The canary failed"):
            stored_job.run(canary=2, delete_files=False)
        stored_job.emulator.set(failing_requests={})
        stored_job.clear()
        stored_job.run(canary=2, prompt_template="Name {text}.", delete_files=False)
        assert [len(ids) for ids in stored_job.sent()] == [2, 2, 1, 3, 2]

    def test_a_clear_that_allows_more_failures_sends_the_others_at_once(self, stored_job):
        stored_job.emulator.set(failing_requests={"row-0": 422})
        with pytest.raises(AirflowFailException, match="The canary failed"):
            stored_job.run(canary=2, delete_files=False)
        stored_job.clear()
        manifest = stored_job.run(canary=2, max_failed_ratio=0.5, delete_files=False)
        assert sorted(row for ids in stored_job.sent()[1:] for row in ids) == [
            "row-0",
            *(f"row-{number}" for number in range(2, 8)),
        ]
        assert manifest["rows"]["succeeded"] == 7

    @pytest.mark.parametrize("canary", [8, 9, 50_000])
    def test_one_as_large_as_the_job_is_the_job(self, stored_job, canary):
        stored_job.run(canary=canary, delete_files=False)
        assert [len(ids) for ids in stored_job.sent()] == [3, 3, 2]

    def test_one_of_several_shards(self, stored_job):
        stored_job.run(canary=5, delete_files=False)
        assert [len(ids) for ids in stored_job.sent()] == [3, 2, 3]
        assert statuses(stored_job) == 8 * ["succeeded"]

    def test_a_try_that_died_after_it_goes_on(self, job, monkeypatch):
        from airflow_provider_groq.operators.job import canary

        class Killed(BaseException):
            pass

        def kill(*_):
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(canary, "_judged", kill)
            with pytest.raises(Killed):
                job.run(canary=2, delete_files=False)
        assert job.sent() == [["row-0", "row-1"]]
        job.run(canary=2, delete_files=False)
        assert [len(ids) for ids in job.sent()] == [2, 1, 3, 2]

    def test_it_is_awaited_in_the_triggerer(self, stored_job):
        stored_job.emulator.set(seconds=30)
        with pytest.raises(TaskDeferred) as deferred:
            stored_job.run(canary=2, deferrable=True)
        assert len(deferred.value.trigger.batch_ids) == 1
        assert len(stored_job.emulator.batches()) == 1

    def test_the_others_have_a_window_of_their_own(self, stored_job, monkeypatch):
        """The canary may take all of its window; the deadline of the others begins after it."""
        waits = []
        from airflow_provider_groq.hooks.groq import GroqHook

        wait = GroqHook.wait_for_batches

        def waiting(self, batch_ids, *, end_time, **rest):
            waits.append(end_time - time.time())
            return wait(self, batch_ids, end_time=end_time, **rest)

        monkeypatch.setattr(GroqHook, "wait_for_batches", waiting)
        monkeypatch.setattr(GroqBatchInferenceOperator, "round_seconds", lambda _: 1_000.0)
        stored_job.emulator.set(seconds=1.5)
        stored_job.run(canary=2)
        assert waits == [pytest.approx(1_000, abs=1), pytest.approx(1_000, abs=1)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_is_sent_after_a_canary_that_failed(stored_job, tmp_path_factory, data):
    """Any rows, canary, shard size, failures and share of them that may fail: as its rows are, so is what is sent."""
    rows = data.draw(st.integers(1, 12), "rows")
    canary = data.draw(st.integers(1, 13), "canary")
    ratio = data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]), "max_failed_ratio")
    ways = st.sampled_from([None, None, 422, 498, "length"])
    failing = {f"row-{number}": way for number in range(rows) if (way := data.draw(ways, f"row-{number}"))}
    stored_job.emulator.reset()
    stored_job.emulator.set(seconds=0, failing_requests=failing)
    stored_job = JobTries(stored_job.emulator, tmp_path_factory.mktemp("job") / "answers")
    options = {"canary": canary, "max_failed_ratio": ratio, "shard_size": data.draw(st.integers(1, 5), "shard_size")}
    with contextlib.suppress(AirflowFailException):
        stored_job.run(rows=texts(rows), delete_files=False, **options)

    answers = stored_job.answers()
    assert [answer["custom_id"] for answer in answers] == [f"row-{number}" for number in range(rows)]
    sent = [row for ids in stored_job.sent() for row in ids]
    first = [f"row-{number}" for number in range(min(canary, rows))]
    bad = [row for row in first if row in failing]
    stops = canary < rows and (len(bad) > ratio * len(first) or len(bad) == len(first))
    assert set(sent) == set(first if stops else [f"row-{number}" for number in range(rows)])
    assert all(sent.count(row) == (1 if failing.get(row) != 498 or stops else 2) for row in sent)
    not_sent = [answer["custom_id"] for answer in answers if answer["status"] == "not_sent"]
    assert not_sent == ([f"row-{number}" for number in range(canary, rows)] if stops else [])


class TestCost:
    def run(self, job, **options):
        return job.run(**{"prices": PRICES, "canary": 2, "delete_files": False} | options)

    @pytest.fixture(autouse=True)
    def _same_answers(self, stored_job):
        stored_job.emulator.set(answers={"*": "good"})

    def test_it_is_told_by_round_and_model(self, stored_job, capsys, caplog):
        caplog.set_level("INFO")
        stored_job.emulator.set(failing_requests={"row-7": 498})
        with pytest.raises(AirflowFailException):
            self.run(stored_job)
        manifest = json.loads((stored_job.output / "manifest.json").read_text())
        assert manifest["cost"] == pytest.approx(7 * EACH)
        assert [round_["cost"] for round_ in manifest["rounds"]] == [pytest.approx(7 * EACH), 0]
        lines = [
            line.partition("] ")[2].partition("[airflow.")[0].rstrip() for line in capsys.readouterr().out.splitlines()
        ]
        lines += [line for message in caplog.messages for line in message.splitlines()]  # there on 3.0
        table = lines[lines.index("What failed, of 8 rows:") :]
        assert (
            table[1]
            == "| rows | share | cause                 | first row | what to do                               |"
        )
        assert (
            table[2]
            == "|    1 | 12.5% | 498 capacity_exceeded | row-7     | Clear the task later to send these rows. |"
        )
        used = f"{7 * PROMPT:6} | {7 * COMPLETION:10} | {7 * REASONING:15} | {7 * EACH:.6f}"
        assert table[3:] == [
            "Tokens and cost:",
            "| round | prompt | completion | of it reasoning |     cost | model              |",
            f"|     1 | {used} | {SMALL} |",
            f"|   all | {used} | {' ' * len(SMALL)} |",
        ]

    def test_the_projection_is_told_before_the_others_are_sent(self, stored_job, capsys):
        operator = stored_job.operator(prices=PRICES, canary=2)
        context = stored_job.context()
        operator.execute(context)
        assert context["ti"].pushed["projection"] == {
            "rows_to_send": 6,
            "prompt_tokens": 8 * PROMPT,
            "completion_tokens": 8 * COMPLETION,
            "cost": pytest.approx(8 * EACH),
        }
        assert (
            f"Projected for 6 more rows: {6 * PROMPT} prompt tokens, {6 * COMPLETION} completion tokens, cost "
            f"{6 * EACH:.6f}. Cost of the whole job: {8 * EACH:.6f}."
        ) in capsys.readouterr().out

    @pytest.mark.parametrize(("most", "sent"), [(8.01 * EACH, 8), (7.99 * EACH, 2)])
    def test_a_job_that_would_cost_more_is_stopped(self, stored_job, most, sent):
        if sent == 8:
            self.run(stored_job, max_cost=most)
        else:
            with pytest.raises(AirflowFailException, match=f"projected to cost {8 * EACH:.6f}: {2 * EACH:.6f} so far"):
                self.run(stored_job, max_cost=most)
            assert stored_job.answers()[2]["error"]["message"] == (
                "The job was projected to cost more than max_cost, so this row was not sent."
            )
        assert sum(map(len, stored_job.sent())) == sent
        assert statuses(stored_job).count("succeeded") == sent

    def test_it_is_asked_again_before_a_later_round_at_the_price_of_its_model(self, stored_job):
        stored_job.emulator.set(failing_requests={"row-6": 498, "row-7": 498})
        options = {"escalate": [{"model": LARGE}], "max_failed_ratio": 1.0}
        with pytest.raises(AirflowFailException, match=f"{6 * EACH:.6f} so far, and {4 * EACH:.6f} for 2 rows"):
            self.run(stored_job, max_cost=9.9 * EACH, **options)
        assert len(stored_job.sent()) == 4
        assert statuses(stored_job) == [*6 * ["succeeded"], "failed", "failed"], "they were sent, if once"

    def test_a_clear_with_a_larger_max_cost_pays_only_for_the_others(self, stored_job):
        with pytest.raises(AirflowFailException, match="max_cost"):
            self.run(stored_job, max_cost=5 * EACH)
        stored_job.clear()
        self.run(stored_job, max_cost=50 * EACH)
        assert sorted(row for ids in stored_job.sent() for row in ids) == [f"row-{number}" for number in range(8)]
        assert statuses(stored_job) == 8 * ["succeeded"]

    def test_a_clear_is_stopped_again_before_it_sends_anything_if_the_rest_still_costs_too_much(self, stored_job):
        for _ in range(2):
            with pytest.raises(AirflowFailException, match="max_cost"):
                self.run(stored_job, max_cost=5 * EACH)
            stored_job.clear()
        assert len(stored_job.sent()) == 1

    def test_without_a_canary_it_brings_one_of_100_rows(self, stored_job):
        with pytest.raises(AirflowFailException, match="max_cost"):
            self.run(stored_job, rows=texts(120), shard_size=None, canary=None, max_cost=110 * EACH)
        assert [len(ids) for ids in stored_job.sent()] == [100]

    def test_a_row_of_a_model_without_a_price_is_refused_before_anything_is_sent(self, stored_job):
        rows = [{"prompt": "a"}, {"prompt": "b", "request": {"model": "qwen/qwen3-32b"}}]
        with pytest.raises(AirflowFailException, match="Row 1 names model 'qwen/qwen3-32b', which has no price"):
            self.run(stored_job, rows=rows, prompt_template=None, max_cost=1.0)
        assert stored_job.emulator.requests("POST") == []

    def test_prices_of_airflows_configuration(self, stored_job, monkeypatch):
        monkeypatch.setenv("AIRFLOW__GROQ__PRICES", json.dumps(PRICES))
        assert stored_job.run()["cost"] == pytest.approx(8 * EACH)
        monkeypatch.setenv("AIRFLOW__GROQ__PRICES", "{")
        with pytest.raises(AirflowFailException, match=r"\[groq\] prices in Airflow's configuration cannot be read"):
            stored_job.run(output_path=str(stored_job.output / "other"))

    @pytest.mark.parametrize("prices", [None, {LARGE: PRICES[LARGE]}], ids=["no prices", "those of another model"])
    def test_unknown_is_null(self, stored_job, prices, capsys):
        manifest = stored_job.run(prices=prices)
        assert manifest["cost"] is manifest["rounds"][0]["cost"] is None
        assert f"| unknown | {SMALL} |" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_cost": 1.0, "prices": {LARGE: PRICES[LARGE]}}, f"max_cost needs the price of model '{SMALL}'"),
            ({"max_cost": 1.0}, "max_cost needs the price"),
            (
                {"max_cost": 1.0, "prices": {SMALL: PRICES[SMALL]}, "escalate": [{"model": LARGE}]},
                f"max_cost needs the price of model '{LARGE}'",
            ),
            ({"max_cost": 0, "prices": PRICES}, "max_cost is 0, but must be a number above 0"),
            ({"max_cost": -1, "prices": PRICES}, "max_cost is -1"),
            ({"max_cost": True, "prices": PRICES}, "max_cost is True"),
            ({"max_cost": float("nan"), "prices": PRICES}, "max_cost is nan"),
            ({"max_cost": "1", "prices": PRICES}, "max_cost is '1'"),
            ({"prices": {SMALL: {"input": -1, "output": 1}}}, "input is -1"),
            ({"prices": {SMALL: 1}}, "must have input and output"),
            ({"canary": 0}, "canary is 0"),
            ({"canary": 50_001}, "canary is 50001"),
            ({"canary": True}, "canary is True"),
            (
                {"max_cost": 1.0, "prices": PRICES, "endpoint": "/v1/audio/transcriptions", "prompt_template": None},
                "answers have no token counts",
            ),
        ],
    )
    def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(self, stored_job, options, message):
        with pytest.raises(GroqInputError, match=message):
            stored_job.operator(**options)


class TestDeadline:
    def test_what_was_not_sent_is_said(self, stored_job):
        with pytest.raises(AirflowFailException, match="8 of 8 rows failed: 8 with not_sent"):
            stored_job.run(timeout=1e-9)
        assert statuses(stored_job) == 8 * ["not_sent"]
        assert stored_job.emulator.requests("POST") == []
        manifest = json.loads((stored_job.output / "manifest.json").read_text())
        assert manifest["stopped"] == {
            "reason": "deadline",
            "message": "The job's deadline has passed: 8 rows were not sent, 0 were cancelled, and 0 that failed were "
            "not resent. Clear the task to send them.",
        }

    def test_it_may_pass_during_the_canary(self, stored_job):
        stored_job.emulator.set(seconds=60)
        with pytest.raises(AirflowFailException, match="6 with not_sent.*2 with cancelled"):
            stored_job.run(canary=2, timeout=1.5)
        assert statuses(stored_job) == [*2 * ["cancelled"], *6 * ["not_sent"]]
        assert [batch["status"] for batch in stored_job.emulator.batches()] == ["cancelled"]

    def test_what_failed_is_not_retried_after_it(self, stored_job, monkeypatch):
        from airflow_provider_groq.operators.job import rounds

        stored_job.emulator.set(failing_requests={"row-1": 498})
        real = rounds.answers.keep

        def late(*arguments):
            real(*arguments)
            time.sleep(2)

        monkeypatch.setattr(rounds.answers, "keep", late)
        manifest = stored_job.run(timeout=2, max_failed_ratio=0.5)
        assert "and 1 that failed were not resent" in manifest["stopped"]["message"]
        assert len(stored_job.sent() if stored_job.emulator.files() else []) == 0
