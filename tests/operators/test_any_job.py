"""Whatever happens to a job, in whatever order: each row has one answer, and nothing is paid twice.

In one process, so that many jobs are tried in little time; tests/crash kills real processes.
"""

import json
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from operators.conftest import LARGE, JobTries
from operators.crashes import Crash, Crashes

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqError

TRANSIENT = ["capacity_exceeded", "rate_limit_exceeded", 500, "json_validate_failed", "batch_expired"]
FOR_GOOD = [422, 413]
FLAWS = ["length", "line_missing", "line_repeated", "line_foreign"]
OUTCOMES = ["completed", "completed", "completed", "expired", "failed", "cancelled", "server_error"]
"""Of whole batches, in the order in which they are made."""

MOST_ROWS = 10


@dataclass(frozen=True)
class Blow:
    """What befalls a try, and what comes after it.

    Attributes:
        where: At what it crashes.
        number: At which of these.
        full: Whether the disk is full there, in place of a crash; only at a file.
        cleared: The rows of the task when it is cleared then; None if it is retried.
    """

    where: str
    number: int
    full: bool
    cleared: tuple[int, ...] | None


rows = st.lists(st.integers(0, MOST_ROWS - 1), min_size=1, max_size=MOST_ROWS, unique=True).map(tuple)
blows = st.builds(
    Blow,
    where=st.sampled_from(["file", "file", "file", "before", "after"]),
    number=st.one_of(st.integers(1, 12), st.integers(1, 70)),
    full=st.booleans(),
    cleared=st.one_of(st.none(), st.none(), rows),
)
failures = st.dictionaries(
    st.integers(0, MOST_ROWS - 1),
    st.tuples(st.sampled_from([*TRANSIENT, *FOR_GOOD, *FLAWS]), st.integers(1, 3)),
    max_size=6,
)


class AnyJob(JobTries):
    """A job whose rows come in another order at each call.

    Attributes:
        read: The rows as they were read last.
        numbers: Those that there are now.
        dropped: The ids of rows that were answered, and were no rows of the job any more when it landed.
    """

    def __init__(self, emulator, output, numbers, *, stored, chance, **options):
        super().__init__(emulator, output, stored=stored)
        self.retries = 20
        self.clear()
        self.numbers = numbers
        self.read = []
        self.dropped = set()
        self._chance = chance
        self._options = options

    def again(self, *, in_order=False):
        """Run the next try; whether it was the last. Where all is in order, there is nothing that a retry may fix."""
        try:
            self.run(rows=self._rows, delete_files=False, max_failed_ratio=1.0, **self._options)
        except Crash:
            return False
        except GroqError:
            assume(not any(map(is_without_files, self.emulator.batches())))
            if in_order:
                raise
            return False
        except AirflowFailException as error:
            assert "rows failed" in str(error)  # noqa: PT017 - only where there is one
            assert not any(answer["status"] == "succeeded" for answer in self.answers())
        return True

    def _rows(self):
        numbers = list(self.numbers)
        self._chance.shuffle(numbers)
        self.read = [{"custom_id": f"row-{number}", "text": f"thing {number}"} for number in numbers]
        yield from self.read

    @contextmanager
    def noting_what_is_dropped(self):
        """What happens in this block may land the job."""
        manifest = self.output / "manifest.json"
        before = manifest.read_bytes() if manifest.exists() else None
        yield
        if manifest.exists() and manifest.read_bytes() != before:
            self.dropped |= dict(self.good_answers()).keys() - {answer["custom_id"] for answer in self.answers()}

    def good_answers(self):
        """What was paid: each answer to each row, batch by batch."""
        found = []
        for batch in self.emulator.batches():
            file_id = batch["output_file_id"]
            lines = self.emulator.file_content(file_id).splitlines() if file_id else []
            known = set(self.ids_of(batch))
            good = {}
            for line in filter(is_whole, lines):
                result = json.loads(line)
                if (answer := answer_of(result)) is not None and result["custom_id"] in known:
                    good[result["custom_id"]] = answer
            found += good.items()
        return found

    def rounds_of_rows(self):
        """How often each row was sent in each round, but for batches that failed as a whole, and ran nothing."""
        return Counter(
            (*batch["metadata"]["airflow_round"].split(".")[:2], row)
            for batch in self.emulator.batches()
            if batch["status"] != "failed"
            for row in self.ids_of(batch)
        )

    def parts(self):
        """The bytes of the answers, by the name of their file."""
        return {path.name: path.read_bytes() for path in self.output.glob("part-*")}

    def manifest(self):
        return json.loads((self.output / "manifest.json").read_text())


def is_without_files(batch):
    """All of its lines are missing: a job waits for them, for they may still appear."""
    return batch["status"] == "completed" and not (batch["output_file_id"] or batch["error_file_id"])


def is_whole(line):
    return line.endswith(b"}")


def answer_of(result):
    """The content of a successful result, and whether it is whole; None for any other result."""
    response = result.get("response") or {}
    if response.get("status_code") != 200:
        return None
    (choice,) = response["body"]["choices"]
    return choice["message"]["content"], choice["finish_reason"] == "stop"


@pytest.fixture
def crashes(monkeypatch, tmp_path):
    monkeypatch.setattr("airflow_provider_groq.operators.job.batches.PAUSES", (0.0, 0.0))
    made = Crashes(monkeypatch, tmp_path)
    yield made
    assert set(made.happened) == {"file", "before", "after", "landed"}


@settings(
    max_examples=40,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to find a smaller example takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    numbers=rows,
    plan=st.lists(blows, max_size=4),
    failing=failures,
    outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6),
    options=st.fixed_dictionaries(
        {
            "shard_size": st.integers(1, 4),
            "max_rounds": st.integers(1, 3),
            "escalate": st.sampled_from([None, [{"model": LARGE}]]),
        }
    ),
    elsewhere=st.booleans(),
    stored=st.booleans(),
    seed=st.integers(0, 9),
)
def test_each_row_has_one_answer_and_none_is_paid_twice(
    groq_emulator,
    quick,
    quick_retries,
    tmp_path,
    crashes,
    numbers,
    plan,
    failing,
    outcomes,
    options,
    elsewhere,
    stored,
    seed,
):
    groq_emulator.reset()
    groq_emulator.set(
        seconds=0,
        outcomes=outcomes,
        failing_requests={
            f"row-{number}": {"error": error, "times": times} for number, (error, times) in failing.items()
        },
    )
    with TemporaryDirectory(dir=tmp_path) as folder:
        work = Path(folder) / "work"
        options = options | ({"work_path": str(work)} if elsewhere else {})
        job = AnyJob(
            groq_emulator, Path(folder) / "answers", numbers, stored=stored, chance=random.Random(seed), **options
        )
        befall(job, crashes, plan)
        with crashes.at("landed", 1):
            ended = job.again(in_order=True)
        check(job)
        if not ended:  # a crash: what is kept can be landed once more
            land_again(job)
        assert {path.name.partition("-")[0] for path in job.output.iterdir()} == {"manifest.json", "part"}
        assert not (elsewhere and [*work.iterdir()])


def befall(job, crashes, plan):
    """Let all happen that is to happen before the last tries."""
    for blow in plan:
        full = blow.full and blow.where == "file"
        with job.noting_what_is_dropped(), crashes.at(blow.where, blow.number, full=full):
            ended = job.again()
        if blow.cleared is not None:
            job.clear()
            job.numbers = blow.cleared
        elif ended:
            return


def check(job):
    """One answer for each row in its place; good where one was paid; each request of a round paid once.

    A row that was left out of what landed is paid again if it comes back: its answer is gone with the output of before.
    """
    answers = job.answers()
    assert [(answer["index"], answer["custom_id"]) for answer in answers] == [
        (index, row["custom_id"]) for index, row in enumerate(job.read)
    ]
    assert [answer["input"] for answer in answers] == [{"text": row["text"]} for row in job.read]
    statuses = Counter(answer["status"] for answer in answers)
    counts = job.manifest()["rows"]
    assert counts.pop("total") == len(answers)
    assert {status: count for status, count in counts.items() if count} == statuses

    paid, wanted = {}, {row["custom_id"] for row in job.read}
    for row, answer in job.good_answers():
        paid.setdefault(row, []).append(answer)
    whole = {row: [content for content, is_whole in found if is_whole] for row, found in paid.items()}
    assert [row for row, found in whole.items() if len(found) > 1 and row not in job.dropped] == []
    succeeded = {answer["custom_id"]: answer["output"] for answer in answers if answer["status"] == "succeeded"}
    assert succeeded.keys() == paid.keys() & wanted
    for row, output in succeeded.items():
        assert output in whole[row] or (not whole[row] and output in dict(paid[row]))
    assert [sent for sent, times in job.rounds_of_rows().items() if times > 1] == []


def land_again(job):
    """Take the output away, and land it anew from what is kept: it is the same, and nothing is sent."""
    before, manifest = job.parts(), job.manifest()
    for name in [*before, "manifest.json"]:
        (job.output / name).unlink()
    sent = len(job.emulator.requests("POST"))
    assert job.again(in_order=True)
    assert len(job.emulator.requests("POST")) == sent
    assert job.parts() == before
    assert without_times(job.manifest()) == without_times(manifest)


def without_times(manifest):
    return {name: value for name, value in manifest.items() if name not in {"times", "ended_at"}}
