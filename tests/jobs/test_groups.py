"""Entries in groups of a temporary file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.jobs import groups as module
from airflow_provider_groq.jobs.groups import GROUPS, GroupFile, Groups

ENTRIES = st.lists(st.tuples(st.integers(0, GROUPS - 1), st.integers(0, 2**63)), max_size=40)


@pytest.mark.parametrize("together", [0, 1, 3, 1000])
@given(entries=ENTRIES)
def test_a_group_gives_its_entries_in_their_order_as_often_as_it_is_read(entries, together):
    groups = Groups(tuple[int, int], "tests are run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TOGETHER", together)
        for group, number in entries:
            groups.add(group, (number, group))
    for _ in range(2):
        for group in range(GROUPS):
            assert list(groups.read(group)) == [(number, own) for own, number in entries if own == group]
    groups.close()


def test_few_entries_need_no_file(monkeypatch):
    monkeypatch.setattr(module, "temporary_file", lambda _: pytest.fail("A file was made."))
    groups = Groups(int, "tests are run")
    groups.add(7, 1)
    assert list(groups.read(7)) == [1]
    groups.close()


def test_a_file_is_true_once_it_is_written():
    file = GroupFile(int, "tests are run")
    assert not file
    file.write(range(GROUPS))
    assert file
    assert list(file.read(9)) == [9]
    file.close()
