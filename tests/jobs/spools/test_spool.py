"""Requests are spooled in the order of their rows, and come back as they were, in shards of whole chunks."""

import os

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.batches.options import MAX_LINES
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.spools import shards
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.jobs.spools.writer import write

ROOMY = 100_000_000


def request(number, *, size=40, model="openai/gpt-oss-20b"):
    line = f'{{"custom_id":"row-{number}","pad":"'.encode()
    line += b"x" * max(0, size - len(line) - 3) + b'"}\n'
    return Request(f"row-{number}", line, f"{number:032x}", model, b'{"n":%d}' % number if number % 2 else None)


def requests(count, **options):
    return [(number, request(number, **options)) for number in range(count)]


@pytest.fixture
def folder(tmp_path):
    return ObjectStoragePath(f"file://{tmp_path}")


def lines_of(spooled, shards):
    return [list(spooled.lines(shard)) for shard in shards]


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 5_432])
def test_what_was_spooled_comes_back(folder, count):
    given_requests = requests(count)
    write(folder, given_requests, max_bytes=ROOMY)
    spooled = Spool.read(folder)
    shards = spooled.shards(shard_size=None, max_bytes=ROOMY)
    assert [line for lines in lines_of(spooled, shards) for line in lines] == [made.line for _, made in given_requests]
    records = [record for shard in shards for record in spooled.records(shard)]
    assert [(record.index, record.custom_id, record.digest) for record in records] == [
        (number, made.custom_id, made.digest) for number, made in given_requests
    ]
    assert [bytes(record.input) for record in records] == [made.input or b"null" for _, made in given_requests]
    assert spooled.index.rows == count


def test_a_shard_is_a_file_that_can_be_read_twice(folder):
    spooled = write(folder, requests(2_500), max_bytes=ROOMY)
    shard = spooled.shards(shard_size=None, max_bytes=ROOMY)[1]
    expected = b"".join(made.line for _, made in requests(2_500)[1_000:2_000])
    with spooled.section(shard) as file:
        assert file.read(10) + file.read() == expected
        assert file.read() == b""
        assert file.seek(0, os.SEEK_END) == file.tell() == shard.bytes == len(expected)
        file.seek(0)
        assert file.read() == expected


@pytest.mark.parametrize(
    ("count", "shard_size", "sizes"),
    [
        (2_500, None, [1_000, 1_000, 500]),
        (10, 3, [3, 3, 3, 1]),
        (2_500, 1_500, [1_500, 1_000]),
        (1_500, 1_500, [1_500]),
        (3, 50_000, [3]),
    ],
)
def test_a_shard_has_about_a_thousand_rows_or_as_many_as_asked_for(folder, count, shard_size, sizes):
    spooled = write(folder, requests(count), max_bytes=ROOMY, chunk_rows=shard_size or shards.CHUNK_ROWS)
    assert [shard.rows for shard in spooled.shards(shard_size=shard_size, max_bytes=ROOMY)] == sizes


def test_shards_grow_beyond_two_hundred_and_not_beyond_what_groq_takes(folder, monkeypatch):
    monkeypatch.setattr(shards, "CHUNK_ROWS", 2)
    spooled = write(folder, requests(1_000), max_bytes=ROOMY, chunk_rows=2)
    assert [shard.rows for shard in spooled.shards(shard_size=None, max_bytes=ROOMY)] == [6] * 166 + [4]
    assert max(shard.rows for shard in spooled.shards(shard_size=MAX_LINES * 2, max_bytes=ROOMY)) <= MAX_LINES
    assert [shard.bytes for shard in spooled.shards(shard_size=None, max_bytes=200)] == [160] * 250


def test_a_chunk_ends_where_the_largest_file_does(folder):
    spooled = write(folder, requests(10, size=100), max_bytes=350)
    assert [chunk.rows for chunk in spooled.index.chunks] == [3, 3, 3, 1]


def test_shards_of_other_requests_have_other_digests_and_the_same_ones_the_same(folder, tmp_path):
    def digests(name, given_requests):
        path = folder / name
        (tmp_path / name).mkdir()
        spooled = write(path, given_requests, max_bytes=ROOMY)
        return spooled.index.digest, [shard.digest for shard in spooled.shards(shard_size=None, max_bytes=ROOMY)]

    whole, shards = digests("a", requests(2_500))
    assert digests("b", requests(2_500)) == (whole, shards)
    others = requests(2_500)
    others[1_200] = (1_200, request(9_999))
    whole_of_others, shards_of_others = digests("c", others)
    assert whole_of_others != whole
    assert [one == other for one, other in zip(shards, shards_of_others, strict=True)] == [True, False, True]
    carried = [(number, made._replace(input=b'{"other":1}')) for number, made in requests(2_500)]
    whole_of_carried, shards_of_carried = digests("d", carried)
    assert whole_of_carried != whole
    assert shards_of_carried == shards
    escalated = requests(2_500)
    escalated[1_200] = (1_200, request(1_200)._replace(sent="another"))
    whole_of_escalated, shards_of_escalated = digests("e", escalated)
    assert whole_of_escalated == whole
    assert [one == other for one, other in zip(shards, shards_of_escalated, strict=True)] == [True, False, True]


@given(chosen=st.sets(st.integers(0, 99)), chunk_rows=st.integers(1, 40))
def test_chosen_requests_come_with_their_records(tmp_path_factory, chosen, chunk_rows):
    path = tmp_path_factory.mktemp("spool")
    spooled = write(ObjectStoragePath(f"file://{path}"), requests(100), max_bytes=ROOMY, chunk_rows=chunk_rows)
    found = list(spooled.pick(iter(sorted(chosen))))
    assert [(record.index, line) for record, line in found] == [(n, request(n).line) for n in sorted(chosen)]


def test_the_first_row_of_each_model_is_known(folder):
    given_requests = [(n, request(n, model="a" if n < 3 else "b")) for n in range(6)]
    assert write(folder, given_requests, max_bytes=ROOMY).index.first_rows == {"a": 0, "b": 3}


def test_nothing_to_send_makes_no_batch(folder):
    write(folder, [], max_bytes=ROOMY)
    spooled = Spool.read(folder)
    assert spooled.index.rows == len(list(spooled.all())) == 0
    assert spooled.shards(shard_size=None, max_bytes=ROOMY) == []


@pytest.mark.parametrize(
    "content", [b"", b'{"rows":3,"digest":"a","first_rows":{},"chunks":[[1,', b"[]", b'{"rows":"x"}']
)
def test_an_index_that_is_cut_off_is_named(folder, tmp_path, content):
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(GroqInputError, match="index.json is the index of spooled requests, but cannot be read"):
        Spool.read(folder)
