"""Any mix of dedupe, reuse, canary, rounds, crashes and clears: each row has its answer, and nothing is paid twice."""

import errno
import json
import os
import random
from collections import Counter

import pytest
from operators.conftest import JobTries

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqStorageError

WORDS = "abcdefgh"
CRASHES = {
    "before a round is sealed": "airflow_provider_groq.operators.job.rounds._seal",
    "before the batches are made": "airflow_provider_groq.operators.job.batches._make",
    "before the answers are kept": "airflow_provider_groq.operators.job.answers.harvest",
    "before the answers are landed": "airflow_provider_groq.operators.job.ending.write_parts",
    "before the manifest is replaced": "airflow_provider_groq.operators.job.ending.commit",
}


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Groq:
    """Answers questions, each of which is one word; it cannot answer some, or not at once."""

    def __init__(self, chance):
        self._failures = {word: chance.choice([0, 0, 0, 0, 1, 2]) for word in WORDS}
        self._refused = set(chance.sample(WORDS, chance.choice([0, 0, 1])))
        self.asked, self.sent = [], []
        self._answers = 0

    def answer(self, request):
        self.sent.append(request["custom_id"])
        word = request["body"]["messages"][-1]["content"]
        if word in self._refused:
            return {"$error": 422}
        if self._failures[word]:
            self._failures[word] -= 1
            return {"$error": 498}
        self.asked.append(word)
        self._answers += 1
        return f"{word.upper()} {self._answers}"


def words_by_round(job):
    """The words of each round that was sent since the job began."""
    rounds = {}
    for batch in job.emulator.batches():
        if batch["id"] not in job._others:
            spool, number, _ = batch["metadata"]["airflow_round"].split(".")
            lines = job.emulator.file_content(batch["input_file_id"]).splitlines()
            asked = [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]
            rounds.setdefault((spool, number), []).extend(asked)
    return rounds


def run(job, chance, monkeypatch, **options):
    """Run tries until one lands; what stops one is drawn."""
    for crash in [*chance.sample(list(CRASHES), chance.choice([0, 0, 1, 2])), None]:
        with monkeypatch.context() as patch:
            if crash:
                patch.setattr(CRASHES[crash], full)
            try:
                return job.run(delete_files=False, prompt_template="{text}", **options)
            except AirflowFailException:  # too few rows succeeded, or the canary failed, and all is landed
                return json.loads((job.output / "manifest.json").read_text())
            except (OSError, GroqStorageError):
                assert crash
    return None


def drawn_rows(chance):
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, 10))]
    return words, [{"custom_id": f"{number}-{word}", "text": word, "n": number} for number, word in enumerate(words)]


@pytest.mark.parametrize("seed", range(12))
def test_each_row_has_its_answer_and_no_word_is_paid_twice(groq_emulator, quick, tmp_path, monkeypatch, seed):
    chance = random.Random(seed)
    groq_emulator.set(seconds=0)
    groq = Groq(chance)
    groq_emulator.answer_with(groq.answer)
    landed = {}
    for number in range(3):
        reuse = chance.sample(sorted(landed), chance.randint(0, len(landed)))
        path = chance.choice([*reuse, str(tmp_path / f"answers-{number}")])
        job = JobTries(groq_emulator, tmp_path / path, run_id=f"run-{number}")
        own, dedupes, often = str(job.output), [], chance.choice([0.0, 0.7, 1.0])
        for clear in range(chance.choice([1, 1, 2, 3])):
            if clear:
                job.clear()
            groq.asked.clear()
            groq.sent.clear()
            reused = set().union(*(landed[path] for path in reuse))
            kept = landed[own] if clear else Counter()
            words, rows = drawn_rows(chance)
            dedupes.append(chance.random() < often)
            canary = chance.choice([None, None, 1, 3])
            options = {"canary": canary, "max_failed_ratio": chance.choice([1.0, 1.0, 0.4])}
            manifest = run(job, chance, monkeypatch, rows=rows, dedupe=dedupes[-1], reuse=reuse, **options)
            answers = job.answers()
            assert [(answer["index"], answer["custom_id"], answer["input"]["n"]) for answer in answers] == [
                (index, row["custom_id"], index) for index, row in enumerate(rows)
            ]
            for word, answer in zip(words, answers, strict=True):
                assert (answer["output"] or " ").split()[:1] == (
                    [word.upper()] if answer["status"] == "succeeded" else []
                )
            outputs = [answer["output"] for answer in answers if answer["output"]]
            assert any(dedupes) or reuse or len(set(outputs)) == len(outputs), "shared, though nothing asked for it"
            statuses = Counter(answer["status"] for answer in answers)
            assert {name: count for name, count in manifest["rows"].items() if count} == {
                "total": len(rows),
                **statuses,
            }
            shared = sum("same_as" in answer for answer in answers)
            assert manifest["duplicates"] == shared or (clear and manifest["duplicates"] < shared)
            not_sent = {answer["custom_id"] for answer in answers if answer["status"] == "not_sent"}
            assert bool(not_sent) is (manifest["stopped"] is not None)
            assert not_sent.isdisjoint(groq.sent), "sent after a stop"
            asked = Counter(groq.asked)
            assert not set(asked) & reused, "paid, though it was known"
            if dedupes[-1]:
                assert not set(asked) & set(kept), "paid again"
                assert max(asked.values(), default=1) == 1, "paid twice"
            else:
                assert all(asked[word] <= max(0, count - kept[word]) for word, count in Counter(words).items()), (
                    "paid again"
                )
            landed[own] = Counter(
                answer["custom_id"].split("-")[1] for answer in answers if answer["status"] == "succeeded"
            )
        if all(dedupes):
            assert all(max(Counter(asked).values()) == 1 for asked in words_by_round(job).values())
