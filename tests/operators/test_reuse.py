"""``reuse``: rows that earlier outputs have an answer to are answered from there, and not paid again."""

import errno
import json
import os
import shutil
from itertools import count

import pytest
from airflow.sdk import ObjectStoragePath
from operators.conftest import LARGE, JobTries, texts
from operators.test_inference import Mood

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.apart import known_files
from airflow_provider_groq.jobs.output import parts
from airflow_provider_groq.jobs.results.kept import KeptFile

ENDED = {"reused_from", "round", "batch_id"}


@pytest.fixture
def day(groq_emulator, quick, tmp_path):
    """Makes the task of a day, with an output of its own."""
    groq_emulator.set(seconds=0)
    groq_emulator.answer_with(lambda request: request["body"]["messages"][-1]["content"].upper())
    return lambda name: JobTries(groq_emulator, tmp_path / name, run_id=name)


@pytest.fixture
def monday(day):
    job = day("monday")
    job.run()
    return job


def posts(job):
    return len(job.emulator.requests("POST"))


def without(answer, *names):
    return {name: value for name, value in answer.items() if name not in names}


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_to_land(job, earlier, monkeypatch, rows, at="write_parts"):
    """A try that reuses an earlier output, and whose disk is full when it lands."""
    with monkeypatch.context() as patch:
        patch.setattr(f"airflow_provider_groq.operators.job.ending.{at}", full)
        with pytest.raises(GroqStorageError):
            job.run(rows=texts(rows), reuse=str(earlier.output), delete_files=False)


def test_a_growing_table_is_paid_for_what_is_new(day, monday, capsys):
    tuesday = day("tuesday")
    rows = [{"custom_id": f"new-{n}", "text": f"thing {n}", "day": 2} for n in reversed(range(10))]
    manifest = tuesday.run(rows=rows, reuse=str(monday.output), delete_files=False)
    assert tuesday.sent() == [["new-9", "new-8"]]
    assert (manifest["rows"]["total"], manifest["rows"]["succeeded"], manifest["reused"]) == (10, 10, 8)
    (sent,) = manifest["rounds"]
    assert (sent["rows"], sent["succeeded"]) == (2, 2)
    assert sum(tokens["total_tokens"] for tokens in manifest["tokens"].values()) == sum(
        answer["usage"]["total_tokens"] for answer in tuesday.answers() if "reused_from" not in answer
    )
    before = {answer["request_digest"]: answer for answer in monday.answers()}
    for index, answer in enumerate(tuesday.answers()):
        number = 9 - index
        mine = {"custom_id": f"new-{number}", "index": index, "input": {"text": f"thing {number}", "day": 2}}
        assert answer.items() >= mine.items()
        assert answer["output"] == f"WHAT IS THING {number}?"
        if number < 8:
            old = before[answer["request_digest"]]
            assert without(answer, *mine, "reused_from", "sent_as") == without(old, *mine)
            assert (answer["reused_from"], answer["sent_as"]) == (str(monday.output), f"row-{number}")
        else:
            assert "reused_from" not in answer
    assert f"8 of 10 rows already have an answer and are not sent: 8 in {monday.output}." in capsys.readouterr().out
    assert next(read_answers(manifest)).reused_from is None
    assert list(read_answers(manifest))[-1].reused_from == str(monday.output)


def test_if_all_is_known_nothing_is_sent_and_the_job_lands(day, monday):
    before = posts(monday)
    manifest = day("tuesday").run(reuse=str(monday.output))
    assert posts(monday) == before
    assert (manifest["rows"]["succeeded"], manifest["reused"], manifest["batches"]) == (8, 8, 0)
    wednesday = day("wednesday")
    wednesday.run(reuse=manifest["path"])
    assert posts(monday) == before
    assert {answer["reused_from"] for answer in wednesday.answers()} == {manifest["path"]}


def test_only_what_succeeded_is_reused(day):
    monday = day("monday")
    monday.emulator.set(failing_requests={"row-3": 422})
    monday.run(max_failed_ratio=0.5)
    monday.emulator.set(failing_requests={})
    tuesday = day("tuesday")
    assert tuesday.run(reuse=str(monday.output), delete_files=False)["reused"] == 7
    assert tuesday.sent() == [["row-3"]]


@pytest.mark.parametrize("reuse", [None, "", "  ", "None", [], [None, ""]])
def test_nothing_as_a_template_gives_it_reuses_nothing(day, monday, reuse):
    assert day("tuesday").run(reuse=reuse)["reused"] == 0


@pytest.mark.parametrize("form", ["{}/manifest.json", "{}/", "file://{}"])
def test_an_output_is_named_in_many_forms(day, monday, form):
    tuesday = day("tuesday")
    assert tuesday.run(reuse=form.format(monday.output))["reused"] == 8
    told = form.format(monday.output).removesuffix("manifest.json").rstrip("/")
    assert {answer["reused_from"] for answer in tuesday.answers()} == {told}


def test_of_several_outputs_the_first_that_has_the_answer_counts(day, monday):
    other = day("other")
    other.run(rows=texts(9)[7:])
    tuesday = day("tuesday")
    manifest = tuesday.run(rows=texts(10), reuse=[ObjectStoragePath(str(monday.output)), str(other.output)])
    assert [answer.get("reused_from") for answer in tuesday.answers()] == [
        *8 * [str(monday.output)],
        str(other.output),
        None,
    ]
    assert manifest["reused"] == 9


def of_version_9(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 9}))


def without_parts(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parts": 1}))


def part_of(folder):
    (part,) = folder.glob("part-*")
    return part


DAMAGED = {
    "is missing. Correct the path, .*let the template render to an empty string": shutil.rmtree,
    "has no manifest.json": lambda folder: (folder / "manifest.json").unlink(),
    "is a manifest of version 9": of_version_9,
    "not a manifest of airflow-provider-groq": lambda folder: (folder / "manifest.json").write_text("[]"),
    "it is cut off": lambda folder: os.truncate(folder / "manifest.json", 50),
    "its manifest.json was changed": without_parts,
    "part-.*jsonl is missing. Clear the task that wrote it": lambda folder: part_of(folder).unlink(),
    r"has [\d,]+ bytes, but was written with": lambda folder: os.truncate(part_of(folder), 900),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_what_is_no_whole_output_is_refused_before_rows_are_read_and_anything_is_sent(day, monday, message):
    DAMAGED[message](monday.output)
    before = posts(monday)
    with pytest.raises(AirflowFailException, match=rf"reuse .*{monday.output}.*{message}.*") as raised:
        day("tuesday").run(reuse=["", str(monday.output)], rows=lambda: pytest.fail("The rows were read."))
    assert "remove the folder from reuse. Nothing was sent." in str(raised.value)
    assert posts(monday) == before


def test_a_manifest_in_place_of_its_folder_is_refused_with_a_remedy(day, monday):
    manifest = json.loads((monday.output / "manifest.json").read_text())
    with pytest.raises(AirflowFailException, match=r"must be an output folder.*\['path'\]"):
        day("tuesday").run(reuse=manifest)


@pytest.mark.parametrize("form", ["file://{}", "{}/", "{}/../monday", "{}/manifest.json", "link"])
def test_an_output_that_is_not_there_yet_may_reuse_itself_in_whatever_form_it_is_named(day, tmp_path, form):
    (tmp_path / "link").symlink_to(tmp_path)
    monday = day("monday")
    reuse = str(tmp_path / "link" / "monday") if form == "link" else form.format(monday.output)
    assert monday.run(reuse=reuse)["reused"] == 0
    monday.clear()
    assert monday.run(reuse=reuse)["reused"] == 8
    assert {answer.get("reused_from") for answer in monday.answers()} == {None}


def test_an_output_that_is_not_there_yet_may_reuse_itself(day):
    job = day("monday")
    assert job.run(reuse=str(job.output))["reused"] == 0
    half_landed = day("tuesday")
    half_landed.output.mkdir()
    (half_landed.output / "part-0123-00000.jsonl").write_text('{"custom')
    assert half_landed.run(reuse=f"{half_landed.output}/")["reused"] == 0


def test_a_row_may_carry_more_than_a_line_of_results_has(day):
    """As much as an answer that is read from Groq may have is no limit for what goes by beside it."""
    rows = [{"custom_id": name, "text": text, "scan": 17 * 2**20 * "s"} for name, text in (("a", "x"), ("b", "x"))]
    monday, tuesday = day("monday"), day("tuesday")
    manifest = monday.run(rows=rows, dedupe=True)
    assert [len(answer.input["scan"]) for answer in read_answers(manifest)] == 2 * [17 * 2**20]
    manifest = tuesday.run(rows=[*rows, {"custom_id": "c", "text": "new"}], reuse=str(monday.output))
    assert (manifest["reused"], [answer.custom_id for answer in read_answers(manifest)]) == (2, ["a", "b", "c"])


def test_an_output_that_reuses_itself_is_there_until_the_new_one_is(day, monday, monkeypatch):
    old = sorted(path.name for path in monday.output.iterdir())
    tuesday = JobTries(monday.emulator, monday.output, run_id="tuesday")
    fail_to_land(tuesday, monday, monkeypatch, 10)
    assert sorted(path.name for path in monday.output.iterdir() if "_groq_" not in path.name) == old
    manifest = tuesday.run(rows=texts(10), reuse=str(monday.output), delete_files=False)
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (10, 8)
    assert tuesday.sent() == [["row-8", "row-9"]]
    assert len(sorted(monday.output.glob("part-*"))) == 1
    assert [answer["index"] for answer in tuesday.answers()] == list(range(10))


def test_after_a_crash_what_was_copied_before_the_round_was_sealed_counts(day, monday, monkeypatch):
    tuesday = day("tuesday")
    fail_to_land(tuesday, monday, monkeypatch, 10)
    shutil.rmtree(monday.output)
    manifest = tuesday.run(rows=texts(10), reuse=str(monday.output), delete_files=False)
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (10, 8)
    assert tuesday.sent() == [["row-8", "row-9"]]


def test_answers_that_another_try_copied_without_sealing_the_round_are_not_mixed_in(day, monday, monkeypatch):
    """The first try found more answers than the second, which seals the round: its own belong to it."""
    tuesday = day("tuesday")
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_groq.operators.job.rounds._seal", full)
        with pytest.raises(OSError, match="No space"):
            tuesday.run(reuse=str(monday.output), delete_files=False)
    fewer = JobTries(monday.emulator, monday.output, run_id="again")
    fewer.run(rows=texts(2), delete_files=False)
    manifest = tuesday.run(reuse=str(monday.output), delete_files=False)
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (8, 2)
    assert tuesday.sent()[1:] == [["row-2", "row-3", "row-4"], ["row-5", "row-6", "row-7"]]


@pytest.fixture
def small_files(monkeypatch):
    """Known answers are kept in files of two, which are parts of the output as they are."""
    monkeypatch.setattr(known_files, "ROWS", 2)
    monkeypatch.setattr(parts, "MAX_ROWS", 4)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("fails", ["write_parts", "commit"])
def test_files_of_known_answers_become_parts_whatever_failed_before(day, monday, monkeypatch, fails):
    tuesday = day("tuesday")
    fail_to_land(tuesday, monday, monkeypatch, 9, fails)
    manifest = tuesday.run(rows=texts(9), reuse=str(monday.output), delete_files=False)
    assert (manifest["rows"]["succeeded"], manifest["reused"], tuesday.sent()) == (9, 8, [["row-8"]])
    names = sorted(path.name for path in tuesday.output.glob("*"))
    assert [name[-5:] for name in names] == [".json", *5 * ["jsonl"]]
    assert [answer["index"] for answer in tuesday.answers()] == list(range(9))
    tuesday.clear()
    manifest = tuesday.run(rows=[*reversed(texts(9))], reuse=str(tuesday.output), delete_files=False)
    assert (manifest["reused"], manifest["batches"]) == (9, 0)
    assert [answer["custom_id"] for answer in tuesday.answers()] == [f"row-{number}" for number in reversed(range(9))]


def test_a_full_disk_while_known_answers_are_kept_leaves_nothing_of_them(day, monday, monkeypatch):
    """The last of their files is ended when all requests are written."""
    monkeypatch.setattr(known_files, "ROWS", 3)
    tuesday = day("tuesday")
    written = KeptFile._write_summary

    def write_summary(kept, summary):
        full() if "known-00002" in kept.path.name else written(kept, summary)

    with monkeypatch.context() as patch:
        patch.setattr(KeptFile, "_write_summary", write_summary)
        with pytest.raises(GroqStorageError):
            tuesday.run(rows=texts(9), reuse=str(monday.output))
    assert not list(tuesday.work.glob("*/round-1-*"))
    assert tuesday.run(rows=texts(9), reuse=str(monday.output))["reused"] == 8


@pytest.mark.usefixtures("small_files")
def test_a_damaged_file_of_known_answers_is_to_be_restored(day, monday, monkeypatch):
    tuesday = day("tuesday")
    fail_to_land(tuesday, monday, monkeypatch, 9)
    (kept,) = tuesday.work.glob("*/round-1-*/known-00001.jsonl")
    content = kept.read_bytes()
    kept.write_bytes(content[:-9])
    with pytest.raises(GroqStorageError, match=r"known-00001\.jsonl cannot be read: .*with known-.*restore the file"):
        tuesday.run(rows=texts(9), reuse=str(monday.output), delete_files=False)
    kept.write_bytes(content)
    manifest = tuesday.run(rows=texts(9), reuse=str(monday.output), delete_files=False)
    assert (manifest["rows"]["succeeded"], manifest["reused"], tuesday.sent()) == (9, 8, [["row-8"]])


def test_after_a_clear_the_tasks_own_answers_come_first(day, monday, capsys):
    tuesday = day("tuesday")
    tuesday.run(rows=texts(9)[7:], delete_files=False)
    tuesday.clear()
    manifest = tuesday.run(rows=texts(9), reuse=[str(monday.output), str(tuesday.output)], delete_files=False)
    assert tuesday.sent() == [["row-7", "row-8"]]
    assert [answer.get("reused_from") for answer in tuesday.answers()] == [*7 * [str(monday.output)], None, None]
    assert (manifest["reused"], manifest["batches"]) == (9, 0)
    assert f"7 in {monday.output}, 2 before the task was cleared" in capsys.readouterr().out


def test_a_clear_finds_what_was_reused_before_it_though_the_output_is_gone(day, monday, monkeypatch):
    tuesday = day("tuesday")
    fail_to_land(tuesday, monday, monkeypatch, 9)
    shutil.rmtree(monday.output)
    tuesday.clear()
    manifest = tuesday.run(rows=texts(10), delete_files=False)
    assert sorted(tuesday.sent()) == [["row-8"], ["row-9"]]
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (10, 9)
    assert [answer.get("reused_from") for answer in tuesday.answers()][:9] == [*8 * [str(monday.output)], None]


def test_with_reattach_false_a_clear_reuses_what_is_named_all_the_same(day, monday):
    tuesday = day("tuesday")
    for _ in range(2):
        assert tuesday.run(reuse=str(monday.output), reattach=False)["reused"] == 8
        tuesday.clear()


def test_what_was_reused_is_never_sent_again_with_what_failed(day, monday):
    tuesday = day("tuesday")
    tuesday.emulator.set(failing_requests={"row-8": {"error": 498, "times": 1}})
    manifest = tuesday.run(rows=texts(10), reuse=str(monday.output), delete_files=False)
    assert tuesday.sent() == [["row-8", "row-9"], ["row-8"]]
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (10, 8)


def test_an_answer_of_another_model_is_not_reused(day, monday):
    assert day("tuesday").run(reuse=str(monday.output), model=LARGE)["reused"] == 0


def test_an_answer_that_was_not_checked_is_not_reused_for_one_that_is(day):
    """The requests are equal to the byte: monday asks for the same form of answer without an output type."""
    monday, tuesday, wednesday = map(day, ("monday", "tuesday", "wednesday"))
    asked = []

    def answer(request):
        asked.append(json.dumps(request["body"]))
        return {"mood": "good", "reason": None}

    monday.emulator.answer_with(answer)
    form = monday.operator(output_type=Mood).request_form().response_format
    monday.run(request_params={"response_format": dict(form)})
    assert tuesday.run(output_type=Mood, reuse=str(monday.output))["reused"] == 0
    assert sorted(asked[:8]) == sorted(asked[8:])
    assert wednesday.run(output_type=Mood, reuse=[str(monday.output), str(tuesday.output)])["reused"] == 8
    assert {type(answer["output"]) for answer in wednesday.answers()} == {dict}


def test_one_answer_of_the_output_serves_all_equal_requests(day, monday):
    tuesday = day("tuesday")
    rows = [{"custom_id": f"equal-{number}", "text": "thing 1"} for number in range(5)]
    assert tuesday.run(rows=rows, reuse=str(monday.output))["reused"] == 5
    assert {answer["output"] for answer in tuesday.answers()} == {"WHAT IS THING 1?"}


def samples(*names):
    """Rows that ask the same."""
    return [{"custom_id": name, "text": "thing"} for name in names]


@pytest.fixture
def numbered(day):
    """Makes the task of a day; each request is answered with a number of its own."""
    groq = day("any").emulator
    numbers = count(1)
    groq.answer_with(lambda _: str(next(numbers)))
    return day


def outputs(job):
    return {answer["custom_id"]: answer["output"] for answer in job.answers()}


def test_samples_of_one_prompt_are_reused_one_by_one_as_far_as_they_go(numbered):
    monday, tuesday = numbered("monday"), numbered("tuesday")
    monday.run(rows=samples("a", "b"))
    before = outputs(monday)
    assert tuesday.run(rows=samples(*"bcdef"), reuse=str(monday.output))["reused"] == 5
    after = list(outputs(tuesday).values())
    assert after[:2] == [before["b"], before["a"]]
    assert sorted(after[2:]) in (["1", "1", "2"], ["1", "2", "2"])


def test_of_two_outputs_with_the_same_ids_each_has_a_sample(numbered):
    sunday, monday, tuesday = numbered("sunday"), numbered("monday"), numbered("tuesday")
    sunday.run(rows=samples("a"))
    monday.run(rows=samples("a"))
    tuesday.run(rows=samples("a", "b"), reuse=[str(sunday.output), str(monday.output)])
    assert outputs(tuesday) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("before", [True, False])
def test_after_a_clear_a_reused_answer_still_serves_a_row_that_is_new(numbered, before):
    """Also where the task has an answer with the same id, its own or reused before."""
    monday, tuesday = numbered("monday"), numbered("tuesday")
    monday.run(rows=samples("a"))
    reuse = str(monday.output)
    tuesday.run(rows=samples("a"), reuse=reuse if before else None)
    tuesday.clear()
    manifest = tuesday.run(rows=samples("a", "b"), reuse=reuse, delete_files=False)
    assert (manifest["reused"], manifest["batches"]) == (2, 0)
    assert outputs(tuesday) == {"a": "1", "b": "1"} if before else {"a": "2", "b": "1"}


def test_an_output_that_reuses_itself_shares_its_answers_after_a_clear_too(numbered):
    job = numbered("monday")
    job.run(rows=samples("a"), reuse=str(job.output), delete_files=False)
    job.clear()
    assert job.run(rows=samples("a", "b"), reuse=str(job.output), delete_files=False)["reused"] == 2
    assert {answer.get("reused_from") for answer in job.answers()} == {None}


def test_an_answer_that_is_cut_off_is_the_last_that_is_reused(numbered):
    monday, tuesday = numbered("monday"), numbered("tuesday")
    monday.emulator.set(failing_requests={"a": "length"})
    monday.run(rows=samples("a", "b"), max_rounds=1)
    monday.emulator.set(failing_requests={})
    tuesday.run(rows=samples("a"), reuse=str(monday.output))
    (answer,) = tuesday.answers()
    assert (answer["finish_reason"], answer["sent_as"]) == ("stop", "b")


def test_rows_that_share_a_reused_answer_keep_it_after_clears_without_reuse(numbered):
    monday = numbered("monday")
    monday.run(rows=samples("x"))
    tuesday = numbered("tuesday")
    tuesday.run(rows=samples("a", "b", "c"), reuse=str(monday.output))
    for _ in range(2):
        tuesday.clear()
        manifest = tuesday.run(rows=samples("c", "a", "b"), delete_files=False)
        assert (manifest["reused"], manifest["batches"]) == (3, 0)
    tuesday.clear()
    manifest = tuesday.run(rows=samples("new", "c", "a", "b"), delete_files=False)
    assert (manifest["reused"], tuesday.sent()) == (3, [["new"]])
