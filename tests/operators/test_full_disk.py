"""A disk that is full: the job says so, sends nothing that it has not kept, loses nothing, and goes on with space."""

import ctypes
import os
import tempfile
from contextlib import contextmanager

import pytest
from operators.conftest import texts

from airflow_provider_groq.exceptions import GroqStorageError

FULL = r"No space left on device"
PAGE = 4096


class Disk:
    """A file system of its own, of a few pages.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path):
        self.path = path
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, size):
        """Mount it, or give it another size."""
        remount = 0x20 if os.path.ismount(self.path) else 0
        options = f"size={size}".encode()
        if self._libc.mount(b"tmpfs", os.fsencode(self.path), b"tmpfs", remount, options):
            pytest.skip(f"a disk of its own cannot be mounted: {os.strerror(ctypes.get_errno())}")

    def unmount(self):
        if os.path.ismount(self.path):
            assert self._libc.umount2(os.fsencode(self.path), 2) == 0  # MNT_DETACH

    @contextmanager
    def full(self, *, but=0):
        """Fill it up, but for some bytes."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError:
                file.truncate(max(0, file.tell() - but))
        yield
        filler.unlink()


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    disk = Disk(path)
    disk.mount("64k")
    yield disk
    disk.unmount()


@pytest.fixture
def large(disk):
    """Gives the disk space again."""
    return lambda: disk.mount("8m")


def paid(job):
    """Each request that was sent and answered."""
    return sum(batch["request_counts"]["completed"] for batch in job.emulator.batches())


def test_while_rows_are_spooled_nothing_is_sent_and_a_retry_sends_them(job, disk, large):
    job.output = disk.path / "answers"
    rows = [{"custom_id": f"row-{number}", "text": 100 * "long "} for number in range(500)]
    options = {"rows": rows, "shard_size": 200, "delete_files": False}
    with pytest.raises(GroqStorageError, match=f"work_path {job.output}.*{FULL}"):
        job.run(**options)
    assert job.emulator.requests("POST") == []
    assert not [*job.output.rglob("*.jsonl")], "what there is of them would keep the disk full"
    large()
    assert job.run(**options)["rows"]["succeeded"] == 500
    assert paid(job) == 500


def test_while_answers_are_kept_none_is_lost_and_a_retry_keeps_them(job, disk, large):
    job.emulator.set(answer_chars=20_000)
    job.output = disk.path / "answers"
    with pytest.raises(GroqStorageError, match=f"work_path {job.output}.*{FULL}"):
        job.run(delete_files=False)
    large()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert {len(answer["output"]) >= 20_000 for answer in job.answers()} == {True}
    assert paid(job) == 8


def test_while_results_are_downloaded_the_folder_for_temporary_files_is_named(job, disk, large, monkeypatch):
    job.emulator.set(answer_chars=30_000)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    with pytest.raises(GroqStorageError, match=f"folder for temporary files {disk.path}: .*{FULL}"):
        job.run(delete_files=False)
    large()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert paid(job) == 8


def test_where_there_is_no_folder_for_temporary_files_that_is_said_and_a_retry_lands_what_is_paid(
    job, disk, large, monkeypatch
):
    """Python looks for one when it first needs one, and finds none where all of them are full."""
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(disk.path)])
    monkeypatch.setattr(tempfile, "tempdir", None)
    for options in ({"dry_run": True}, {}):
        with disk.full(), pytest.raises(GroqStorageError, match=r"temporary file .*No usable temp.* directory.*TMPDIR"):
            job.run(delete_files=False, **options)
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert paid(job) == 8


def test_while_answers_are_landed_those_of_before_stay_and_a_retry_lands_the_new_ones(job, disk, tmp_path):
    job.output = disk.path / "answers"
    options = {"delete_files": False, "work_path": str(tmp_path / "work")}
    job.run(**options, rows=texts(2))
    before = job.answers()
    job.clear()
    with disk.full(), pytest.raises(GroqStorageError, match=f"output_path {job.output}.*{FULL}"):
        job.run(**options)
    assert job.answers() == before
    assert {path.name.partition("-")[0] for path in job.output.iterdir() if path.is_file()} == {
        "manifest.json",
        "part",
    }
    assert job.run(**options)["rows"]["succeeded"] == 8
    assert [answer["custom_id"] for answer in job.answers()] == [f"row-{number}" for number in range(8)]
    assert paid(job) == 8
