"""Models: all that Groq and gateways send is read."""

import json

import pytest
from pydantic import ValidationError

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.models import Batch, BatchStatus, File, RequestCounts

LEAST = {"id": "batch_1", "status": "validating", "created_at": 1_700_000_000}
ERROR = {"code": "invalid_json_line", "line": 3, "message": "not JSON", "param": None}


def read(**fields):
    return Batch.model_validate_json(json.dumps(LEAST | fields))


@pytest.mark.parametrize("errors", [{"object": "list", "data": [ERROR]}, [ERROR], {"data": [ERROR]}])
def test_both_shapes_of_errors_read_the_same(errors):
    (error,) = read(errors=errors).errors
    assert (error.code, error.line, error.message, error.param) == ("invalid_json_line", 3, "not JSON", None)


@pytest.mark.parametrize("errors", [None, [], {}, "", {"object": "list"}, {"object": "list", "data": None}])
def test_no_errors_in_any_form(errors):
    assert read(errors=errors).errors == ()


def test_an_error_with_numbers_for_text_is_read_as_text():
    (error,) = read(errors=[{"code": 400, "message": ["bad"], "line": None}]).errors
    assert (error.code, error.message, error.line) == ("400", "['bad']", None)


def test_what_may_be_null_or_absent_reads_the_same():
    optional = set(Batch.model_fields) - set(LEAST)
    assert "output_file_id" in optional
    assert read(**dict.fromkeys(optional)) == read()


def test_counts_that_are_null_are_zero():
    nulls = {"total": None, "completed": None, "failed": None}
    assert read(request_counts=nulls).request_counts == RequestCounts(total=0, completed=0, failed=0)


@pytest.mark.parametrize("field", ["output_file_id", "error_file_id", "input_file_id"])
def test_an_empty_id_is_none(field):
    assert getattr(read(**{field: ""}), field) is None
    assert getattr(read(**{field: "file_1"}), field) == "file_1"


def test_unknown_keys_are_kept():
    batch = read(model="gpt", usage={"tokens": 1})
    assert batch.model_extra == {"model": "gpt", "usage": {"tokens": 1}}
    assert batch.model_dump(mode="json")["usage"] == {"tokens": 1}


@pytest.mark.parametrize("status", [*BatchStatus, "paused", "COMPLETED"])
def test_only_groqs_four_last_statuses_are_terminal(status):
    batch = read(status=status)
    assert batch.status == status
    assert batch.terminal == (status in {"failed", "completed", "expired", "cancelled"})


def test_a_batch_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        read().status = "completed"


@pytest.mark.parametrize(
    "fields",
    [{"id": ""}, {"id": None}, {"status": ""}, {"status": None}, {"created_at": None}, {"request_counts": "many"}],
)
def test_what_is_no_batch_is_refused(fields):
    with pytest.raises(ValidationError):
        read(**fields)


@pytest.mark.parametrize("missing", sorted(LEAST))
def test_a_batch_without_what_every_batch_has_is_refused(missing):
    with pytest.raises(ValidationError, match="Field required"):
        Batch.model_validate({name: value for name, value in LEAST.items() if name != missing})


def page(**fields):
    return calls.list_batches().answer(json.dumps({"object": "list", "data": [LEAST]} | fields).encode())


@pytest.mark.parametrize("paging", [None, {}, {"next_cursor": None}, {"next_cursor": ""}, [], "x"])
def test_the_last_page_says_so_in_many_ways(paging):
    assert page(paging=paging).next_cursor is None


def test_a_page_without_paging_is_the_last():
    assert (page().next_cursor, page().has_more) == (None, False)


def test_a_page_of_groq_names_the_next_and_a_gateways_says_whether_there_is_one():
    assert page(paging={"next_cursor": "abc"}).next_cursor == "abc"
    gateways = page(has_more=True, first_id="batch_1", last_id="batch_1")
    assert (gateways.next_cursor, gateways.has_more) == (None, True)
    assert page(has_more=None).has_more is False


def test_a_list_of_none_may_be_null():
    assert page(data=None).data == ()


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"object": "list"}', b"null", b'{"data": [{}]}', b'{"data": {}}'])
def test_what_is_no_page_is_refused(body):
    with pytest.raises(ValidationError):
        calls.list_batches().answer(body)


def test_a_file_needs_no_more_than_its_id():
    nulls = {"bytes": None, "created_at": None, "filename": None, "purpose": None}
    file = File.model_validate_json(json.dumps({"id": "file_1"} | nulls))
    assert file == File(id="file_1")
    assert (file.bytes, file.filename, file.purpose) == (0, "", "")


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31m", "\u202ea", "a\u2028b", "\0", "x" * 257])
@pytest.mark.parametrize("field", ["id", "status", "output_file_id", "error_file_id", "input_file_id"])
def test_an_id_or_a_status_cannot_write_lines_of_its_own_into_the_log(field, text):
    with pytest.raises(ValidationError, match="cannot be printed|at most 256 characters"):
        read(**{field: text})


def test_what_is_said_of_an_error_is_one_printable_line():
    (error,) = read(errors=[{"message": "a\r\nb\x1b[31m \u202e", "code": "x" * 20_000}]).errors
    assert error.message == "a b\ufffd[31m \ufffd"
    assert len(error.code) == 10_000


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, 10**4299])
@pytest.mark.parametrize(
    "make",
    [
        lambda number: {"created_at": number},
        lambda number: {"expires_at": number},
        lambda number: {"request_counts": {"total": 1, "completed": number}},
        lambda number: {"errors": [{"line": number}]},
    ],
)
def test_a_number_too_large_to_calculate_with_is_refused(make, number):
    with pytest.raises(ValidationError, match="Input should be"):
        read(**make(number))


@pytest.mark.parametrize("window", [None, "24h", 86_400])
def test_a_window_may_be_said_in_any_form(window):
    assert read(completion_window=window).completion_window == (window if window is None else str(window))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "a\nb", "C:\\x", "\u202e", "x" * 100_000])
def test_a_filename_is_a_text_like_others(name):
    """Nothing is ever written to it."""
    assert File.model_validate_json(json.dumps({"id": "file_1", "filename": name})).filename == name
