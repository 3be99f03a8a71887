"""The download operator against the emulator: what it lands, and that it lands all or nothing."""

import json
import uuid

import pytest
from airflow.sdk import Asset, ObjectStoragePath
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import (
    GroqBatchNotEndedError,
    GroqBatchResultsPendingError,
    GroqInputError,
    GroqResponseError,
    GroqTransportError,
)
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator
from airflow_provider_groq.storage.landing import NAME

GOOD, BAD = "openai/gpt-oss-20b", "no-such-model"


@pytest.fixture
def download(context, groq_emulator, quick):
    def run(batch_id, output_path, **options):
        operator = GroqDownloadBatchResultsOperator(
            task_id="create", batch_id=batch_id, output_path=str(output_path), **options
        )
        return operator.execute(context)

    return run


def rows(path):
    return {json.loads(line)["custom_id"] for line in path.read_text().splitlines()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_lands_both_files_and_accounts_for_every_request(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD, BAD, GOOD)
    groq_emulator.advance(100)
    manifest = download(batch_id, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert rows(folder / "output.jsonl") == {"row-1", "row-3"}
    assert rows(folder / "errors.jsonl") == {"row-2"}
    assert manifest["output"] == {
        "path": str(folder / "output.jsonl"),
        "bytes": (folder / "output.jsonl").stat().st_size,
    }
    assert manifest["requests"] == {
        "total": 3,
        "succeeded": 2,
        "failed": 1,
        "expired": 0,
        "cancelled": 0,
        "missing": 0,
    }
    assert manifest["lines"] == {"repeated": 0, "unreadable": 0}
    assert manifest["tokens"][GOOD]["total_tokens"] > 0
    assert json.loads(json.dumps(manifest)) == manifest


def test_lands_what_groq_sent_byte_for_byte(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    (output,) = [file for file in groq_emulator.files() if file["purpose"] == "batch_output"]
    assert (tmp_path / "output.jsonl").read_bytes() == groq_emulator.file_content(output["id"])


@pytest.mark.parametrize("outcome", ["expired", "cancelled"])
def test_lands_what_was_done_of_a_batch_that_was_cut_short(download, groq_emulator, make_batch, tmp_path, outcome):
    groq_emulator.set(outcome=outcome)
    batch_id = make_batch(*[GOOD] * 10)
    groq_emulator.advance(8 * 24 * 3600)
    counts = download(batch_id, tmp_path)["requests"]
    assert counts["succeeded"] == 5
    assert counts[outcome] == 5
    assert counts["total"] == 10


def test_lands_on_object_storage(download, groq_emulator, make_batch, memory_storage):
    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    manifest = download(batch_id, f"{memory_storage}/results")
    # Older releases of universal-pathlib write three slashes.
    assert manifest["output"]["path"].replace(":///", "://") == f"{memory_storage}/results/output.jsonl"
    landed = ObjectStoragePath(f"{memory_storage}/results")
    assert [path.name for path in landed.iterdir()] == ["output.jsonl"]


def test_a_second_landing_gives_the_same_and_leaves_nothing_of_the_first(download, groq_emulator, make_batch, tmp_path):
    first, second = make_batch(GOOD, BAD), make_batch(GOOD)
    groq_emulator.advance(100)
    download(first, tmp_path)
    before = (tmp_path / "output.jsonl").read_bytes()
    download(first, tmp_path)
    assert (tmp_path / "output.jsonl").read_bytes() == before
    download(second, tmp_path)
    assert names(tmp_path) == ["output.jsonl"]


@pytest.mark.usefixtures("quick_retries")
def test_a_download_that_is_cut_is_taken_up_again(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(*[GOOD] * 50)
    groq_emulator.advance(100)
    groq_emulator.fault("/files/*/content", drop="middle", times=2)
    assert download(batch_id, tmp_path)["requests"]["succeeded"] == 50
    assert len(rows(tmp_path / "output.jsonl")) == 50


@pytest.mark.usefixtures("quick_retries")
def test_a_404_after_a_cut_leaves_no_part_in_front_of_the_file(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(*[GOOD] * 50)
    groq_emulator.advance(100)
    groq_emulator.fault("/files/*/content", drop="middle")
    groq_emulator.fault("/files/*/content", status=404)
    assert download(batch_id, tmp_path)["lines"] == {"repeated": 0, "unreadable": 0}
    (output,) = [file for file in groq_emulator.files() if file["purpose"] == "batch_output"]
    assert (tmp_path / "output.jsonl").read_bytes() == groq_emulator.file_content(output["id"])


@pytest.mark.usefixtures("quick_retries")
def test_a_download_that_is_always_cut_lands_nothing(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(*[GOOD] * 50)
    groq_emulator.advance(100)
    (tmp_path / "output.jsonl").write_text("from before\n")
    groq_emulator.fault("/files/*/content", drop="middle", times=None)
    with pytest.raises(GroqTransportError, match="got no complete response"):
        download(batch_id, tmp_path)
    assert names(tmp_path) == ["output.jsonl"]
    assert (tmp_path / "output.jsonl").read_text() == "from before\n"
    groq_emulator.clear_faults()
    download(batch_id, tmp_path)
    assert len(rows(tmp_path / "output.jsonl")) == 50


def test_a_batch_under_way_is_left_for_a_retry(download, make_batch, tmp_path):
    with pytest.raises(GroqBatchNotEndedError, match="wait for it first"):
        download(make_batch(), tmp_path)
    assert not names(tmp_path)


def test_a_rejected_batch_has_nothing_to_land(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch()
    groq_emulator.force_status(batch_id, "failed")
    with pytest.raises(AirflowFailException, match="GroqBatchFailedError"):
        download(batch_id, tmp_path)


@pytest.mark.parametrize("path", ["/batches/*", "/files/*/content"])
def test_what_is_not_found_at_first_is_asked_for_again(download, groq_emulator, make_batch, tmp_path, path):
    batch_id = make_batch()
    groq_emulator.advance(100)
    groq_emulator.fault(path, method="GET", status=404, times=2)
    assert download(batch_id, tmp_path)["requests"]["succeeded"] == 1


def test_an_output_path_that_is_a_file_fails_for_good(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch()
    groq_emulator.advance(100)
    (tmp_path / "file").write_text("here")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(AirflowFailException, match="must be a folder, but is a file, or is in one"):
            download(batch_id, path)


def test_an_empty_output_path_fails_for_good(download, groq_emulator, make_batch):
    batch_id = make_batch()
    groq_emulator.advance(100)
    with pytest.raises(AirflowFailException, match="output_path must be a path or a URI, but is ''"):
        download(batch_id, "")


def test_an_output_path_without_a_filesystem_fails_for_good(download, groq_emulator, make_batch):
    batch_id = make_batch()
    groq_emulator.advance(100)
    with pytest.raises(AirflowFailException, match="output_path nowhere://x: Airflow has no filesystem for nowhere://"):
        download(batch_id, "nowhere://x")


def test_files_that_are_gone_fail_for_good(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch()
    groq_emulator.advance(100)
    (file_id,) = [file["id"] for file in groq_emulator.files() if file["purpose"] == "batch_output"]
    with GroqHook() as hook:
        hook.delete_file(file_id)
    gone = (
        f"no longer has file {file_id} with results of batch {batch_id}: .* still under {tmp_path}. To get its answers"
    )
    with pytest.raises(AirflowFailException, match=gone):
        download(batch_id, tmp_path)
    assert not names(tmp_path)


NO_FILES = {"output_file_id": None, "error_file_id": None}


def test_result_files_that_come_late_are_waited_for(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    groq_emulator.fault("/batches/*", method="GET", times=3, merge=NO_FILES)
    assert download(batch_id, tmp_path)["requests"]["succeeded"] == 1


@pytest.mark.parametrize("lacking", ["output_file_id", "error_file_id"])
def test_nothing_landed_is_touched_while_answers_are_promised(download, groq_emulator, make_batch, tmp_path, lacking):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    groq_emulator.fault("/batches/*", method="GET", times=None, merge={lacking: None})
    with pytest.raises(GroqBatchResultsPendingError, match="but it names no"):
        download(batch_id, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_failed_batch_with_files_is_landed(download, groq_emulator, make_batch, tmp_path):
    """Gateways send `failed` where all requests failed, with a file of the reasons."""
    batch_id = make_batch(BAD)
    groq_emulator.advance(100)
    groq_emulator.fault("/batches/*", method="GET", times=None, merge={"status": "failed"})
    assert download(batch_id, tmp_path)["requests"]["failed"] == 1
    assert names(tmp_path) == ["errors.jsonl"]


def test_the_log_says_why_requests_failed(download, groq_emulator, make_batch, tmp_path, capfd):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    assert "1 of 1: 404 model_not_found (The model `no-such-model` does not exist" in "".join(capfd.readouterr())


def test_files_are_deleted_after_the_landing_only_if_asked(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    assert len(groq_emulator.files()) == 3
    download(batch_id, tmp_path, delete_files=True)
    assert groq_emulator.files() == []
    assert names(tmp_path) == [NAME, "errors.jsonl", "output.jsonl"]


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path, memory_storage):
    """An output folder, locally and in an object storage."""
    return ObjectStoragePath(
        f"{memory_storage}/{uuid.uuid4().hex}" if request.param == "memory" else f"file://{tmp_path}"
    )


@pytest.fixture
def deleted(download, groq_emulator, make_batch, folder):
    """Lands a batch, deletes its files, and gives its id and its manifest."""
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    manifest = download(batch_id, folder, delete_files=True)
    assert groq_emulator.files() == []
    return batch_id, manifest


@pytest.mark.parametrize("delete_files", [True, False])
def test_once_the_files_are_deleted_a_clear_returns_what_was_landed(
    download, context, groq_emulator, folder, deleted, delete_files
):
    batch_id, manifest = deleted
    gets = len(groq_emulator.requests("GET"))
    outlet = Asset("answers")
    told = context["outlet_events"] = OutletEventAccessors()
    assert download(batch_id, folder, delete_files=delete_files, outlets=[outlet]) == manifest
    assert told[outlet].extra["manifest"] == manifest
    assert len(groq_emulator.requests("GET")) == gets
    assert [answer.status for answer in read_answers(folder)] == ["succeeded", "failed"]


def test_a_try_that_is_killed_before_it_deletes_the_files_leaves_that_to_the_next(
    download, groq_emulator, make_batch, folder, monkeypatch
):
    class KilledError(BaseException):
        pass

    def killed(*_):
        raise KilledError

    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    with monkeypatch.context() as patch, pytest.raises(KilledError):  # noqa: PT012 - both or neither
        patch.setattr("airflow_provider_groq.operators.downloading.delete_files", killed)
        download(batch_id, folder, delete_files=True)
    assert len(groq_emulator.files()) == 2
    assert download(batch_id, folder, delete_files=True)["requests"]["succeeded"] == 1
    assert groq_emulator.files() == []


def test_another_batch_takes_the_place_of_what_was_landed_and_of_its_record(
    download, groq_emulator, make_batch, folder, deleted, monkeypatch
):
    """However far its landing comes: with one of its files there, the record would tell of others."""
    other = make_batch(GOOD)
    groq_emulator.advance(100)
    for function in ("replace", "unlink"):
        real = getattr(ObjectStoragePath, function)

        def checked(self, *arguments, real=real, **options):
            if ".jsonl" in self.name:
                assert not (folder / NAME).exists()
            return real(self, *arguments, **options)

        monkeypatch.setattr(ObjectStoragePath, function, checked)
    assert download(other, folder)["batch_id"] == other
    assert names(folder) == ["output.jsonl"]
    with pytest.raises(AirflowFailException, match=f"no longer has file .* with results of batch {deleted[0]}"):
        download(deleted[0], folder)


@pytest.mark.parametrize(
    ("name", "content"), [("output.jsonl", b"changed"), ("errors.jsonl", None), (NAME, b"{"), (NAME, b"{}")]
)
def test_what_is_not_as_it_was_landed_is_not_returned(download, folder, deleted, name, content):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(AirflowFailException, match="no longer has file"):
        download(deleted[0], folder)


def test_a_landing_that_fails_deletes_nothing(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    groq_emulator.fault("/files/*/content", times=None, drop="before")
    with pytest.raises(GroqTransportError):
        download(batch_id, tmp_path, delete_files=True)
    assert len(groq_emulator.files()) == 3


def test_a_file_that_cannot_be_deleted_is_no_reason_to_fail(download, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    groq_emulator.fault("/files/*", method="DELETE", status=403, times=None)
    assert download(batch_id, tmp_path, delete_files=True)["requests"]["succeeded"] == 1


@pytest.mark.parametrize("body", ["{malformed", '{"error": {"message": "Busy."}}', "", "\n\n"])
def test_a_wrong_body_with_status_200_replaces_nothing(download, groq_emulator, make_batch, tmp_path, body):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    groq_emulator.fault("/files/*/content", times=None, body=body, content_type="application/octet-stream")
    with pytest.raises(GroqResponseError, match="counts promise 1 lines for output.jsonl, but .* no readable line"):
        download(batch_id, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_lines_that_cannot_be_read_are_warned_of_by_number(download, groq_emulator, make_batch, tmp_path, capfd):
    batch_id = make_batch(GOOD, GOOD, GOOD)
    groq_emulator.advance(100)
    download(batch_id, tmp_path)
    first, second, _ = (tmp_path / "output.jsonl").read_text().splitlines()
    cut = f"{first}\n{second[:-9]}\n{second[:9]}\n"
    groq_emulator.fault("/files/*/content", times=None, body=cut, content_type="application/octet-stream")
    capfd.readouterr()
    assert download(batch_id, tmp_path)["lines"]["unreadable"] == 2
    assert "2 lines of its files cannot be read, and 2 requests have no line." in "".join(capfd.readouterr())


def test_a_mapped_task_instance_does_not_replace_the_only_copy_of_what_another_one_landed(
    download, context, groq_emulator, make_batch, tmp_path
):
    first, second = make_batch(GOOD, GOOD), make_batch(GOOD)
    groq_emulator.advance(100)
    context["ti"].map_index = 0
    manifest = download(first, tmp_path, delete_files=True)
    context["ti"].map_index = 1
    with pytest.raises(
        AirflowFailException, match=rf"holds the results of batch {first}, which task 'create' \(map index 0"
    ):
        download(second, tmp_path, delete_files=True)
    assert {answer.custom_id for answer in read_answers(manifest)} == {"row-1", "row-2"}
    context["ti"].run_id = "another run"
    assert download(second, tmp_path, delete_files=True)["requests"]["succeeded"] == 1


def test_answers_that_another_download_replaced_are_not_taken_for_these(
    download, context, groq_emulator, make_batch, tmp_path
):
    first, second = make_batch(GOOD, GOOD), make_batch(GOOD)
    groq_emulator.advance(100)
    manifest = download(first, tmp_path)
    download(second, tmp_path)
    with pytest.raises(GroqInputError, match=r"output.jsonl has [\d,]+ bytes, not [\d,]+ as its manifest says"):
        list(read_answers(manifest))
