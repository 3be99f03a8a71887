"""Models: all that Groq and gateways send is read."""

import json

import pytest
from pydantic import ValidationError

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.models import Batch, BatchStatus, File, RequestCounts

NOW = 1_700_000_000
LEAST = {"id": "batch_1", "status": "validating", "created_at": NOW}
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
    assert (error.code, error.message, error.line) == ("400", "bad", None)


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
    [{"id": ""}, {"id": None}, {"id": 5}, {"id": ["b"]}, {"status": ""}, {"status": None}, {"status": {}}],
)
def test_what_is_no_batch_is_refused(fields):
    with pytest.raises(ValidationError):
        read(**fields)


@pytest.mark.parametrize("missing", ["id", "status"])
def test_a_batch_without_id_or_status_is_refused(missing):
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


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"object": "list"}',
        b"null",
        b'{"data": [{}]}',
        b'{"data": {}}',
        b'{"data": [null, {"name": "m"}]}',
        b'{"data": [], "paging": {"next_cursor": []}}',
        b'{"data": [], "has_more": "perhaps"}',
    ],
)
@pytest.mark.parametrize("call", [calls.list_batches(), calls.list_files(), calls.list_models()], ids=str)
def test_what_is_no_page_is_refused(call, body):
    """Where it goes on decides what is found; and of which no item has an id, that is another server's."""
    with pytest.raises(ValidationError):
        call.answer(body)


def test_a_cursor_that_is_a_number_is_sent_as_text():
    assert page(paging={"next_cursor": 12}).next_cursor == "12"


def test_a_file_needs_no_more_than_its_id():
    nulls = {"bytes": None, "created_at": None, "filename": None, "purpose": None}
    file = File.model_validate_json(json.dumps({"id": "file_1"} | nulls))
    assert file == File(id="file_1")
    assert (file.bytes, file.filename, file.purpose) == (0, "", "")


UNPRINTABLE = ["a\nb", "a\x1b[31m", "\u202ea", "a\u2028b", "\0"]


@pytest.mark.parametrize("text", [*UNPRINTABLE, "x" * 1025])
@pytest.mark.parametrize("field", ["id", "status"])
def test_an_id_or_a_status_cannot_write_lines_of_its_own_into_the_log(field, text):
    with pytest.raises(ValidationError, match="cannot be printed|at most (1024|256) characters"):
        read(**{field: text})


@pytest.mark.parametrize("text", [*UNPRINTABLE, "x" * 1025])
@pytest.mark.parametrize("field", ["output_file_id", "error_file_id", "input_file_id"])
def test_a_files_id_that_could_is_none(field, text):
    assert getattr(read(**{field: text}), field) is None


@pytest.mark.parametrize("field", ["id", "output_file_id", "error_file_id", "input_file_id"])
@pytest.mark.parametrize("size", [257, 350, 1024])
def test_gateways_make_long_ids(field, size):
    assert getattr(read(**{field: "x" * size}), field) == "x" * size


@pytest.mark.parametrize("field", ["output_file_id", "error_file_id", "input_file_id"])
@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        (12345, "12345"),
        (0, "0"),
        ({"id": "file_1", "object": "file"}, "file_1"),
        (["file_1"], "file_1"),
        ({}, None),
        ([], None),
        ({"id": 5}, None),
        ({"id": "a\nb"}, None),
        (["file_1", "file_2"], None),
        (True, None),
        (10**4000, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_files_id_is_read_in_each_form_that_names_one_file(field, said, read_as):
    assert getattr(read(**{field: said}), field) == read_as


TIMES = [name for name in Batch.model_fields if name.endswith("_at")]


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize(
    "said",
    [
        NOW,
        float(NOW),
        NOW + 0.75,
        str(NOW),
        f"{NOW}.5",
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-14 22:13:20.123456",
        "2023-11-14T23:13:20.5+01:00",
    ],
)
def test_a_time_is_read_in_each_form_that_servers_send(field, said):
    assert getattr(read(**{field: said}), field) == NOW


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("said", ["", "yesterday", "0001-01-01T00:00:00Z", [], [NOW], {"seconds": NOW}, 1e300, -0.5])
def test_a_time_that_cannot_be_read_is_none(field, said):
    assert getattr(read(**{field: said}), field) is None


@pytest.mark.parametrize("said", [0, -1, False, None])
def test_a_batch_made_at_no_time_is_of_unknown_age(said):
    assert read(created_at=said).created_at is None


def test_the_times_of_a_file_too():
    described = {"id": "file_1", "created_at": "2023-11-14T22:13:20Z"}
    assert File.model_validate_json(json.dumps(described)).created_at == NOW
    assert File.model_validate_json(json.dumps(described | {"created_at": "then"})).created_at == 0


COUNTS = {"total": 3, "completed": 2, "failed": 1}


@pytest.mark.parametrize("said", [COUNTS, json.dumps(COUNTS), {name: str(count) for name, count in COUNTS.items()}])
def test_counts_are_read_in_each_form_that_servers_send(said):
    assert read(request_counts=said).request_counts == RequestCounts(**COUNTS)


@pytest.mark.parametrize(
    "said",
    ["3/5", "", [], [3, 2, 1], 3, {"total": "many"}, COUNTS | {"failed": {}}, COUNTS | {"total": -1}, "{", "[1]"],
)
def test_counts_that_cannot_be_read_are_not_known(said):
    """All of them: a count of completed requests beside no count of failed ones says the wrong thing."""
    assert read(request_counts=said).request_counts == RequestCounts()


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ([["a", "b"], ["n", 1]], {"a": "b", "n": "1"}),
        ([{"key": "a", "value": "b"}, {"name": "n", "value": [1]}], {"a": "b", "n": "[1]"}),
        ([{"a": "b"}, {"n": 1}], {"a": "b", "n": "1"}),
        ('{"a": "b", "n": 1}', {"a": "b", "n": "1"}),
        ([["a", "b"], 5, ["x"], "y"], {"a": "b"}),
        ("team=data", {}),
        (["a"], {}),
        ([], {}),
        ("", {}),
        (7, {}),
    ],
)
def test_metadata_is_read_as_far_as_it_can_be(said, read_as):
    assert read(metadata=said).metadata == read_as


def test_any_other_field_that_cannot_be_read_is_as_if_it_had_not_been_sent():
    assert read(endpoint=["a"], error_file_id={}, errors=False) == read()


@pytest.mark.parametrize(
    ("errors", "messages"),
    [
        ("no such file", ["no such file"]),
        (["no such file", "", None, "too large"], ["no such file", "too large"]),
        ({"code": "c", "message": "one"}, ["one"]),
        ({"error": {"code": "c", "message": "one"}}, ["one"]),
        ({"data": [{"message": "one"}], "message": "two"}, ["two", "one"]),
        ({"input": ["bad line", "bad model"]}, ["input: bad line", "input: bad model"]),
        ([{"line": 3, "detail": "bad line"}], ["bad line"]),
        ({"data": "no such file"}, ["data: no such file"]),
    ],
)
def test_no_message_of_an_error_is_lost(errors, messages):
    assert [error.message for error in read(errors=errors).errors] == messages


def test_an_error_in_any_shape_keeps_its_code_and_line():
    (one,) = read(errors={"code": "server_error", "message": "Try again"}).errors
    assert (one.code, one.message) == ("server_error", "Try again")
    (other,) = read(errors=["x", {"code": "c", "line": 3}]).errors[1:]
    assert (other.code, other.line, other.message) == ("c", 3, None)
    assert [error.line for error in read(errors=[{"line": "three", "message": "x"}]).errors] == [None]


def test_however_many_errors_there_are_those_that_an_input_can_have_are_read():
    assert len(read(errors=["x"] * 60_000).errors) == 50_000


def test_what_is_said_of_an_error_is_one_printable_line():
    (error,) = read(errors=[{"message": "a\r\nb\x1b[31m \u202e", "code": "x" * 20_000}]).errors
    assert error.message == "a b\ufffd[31m \ufffd"
    assert len(error.code) == 10_000


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, 10**4299], ids=["2^63", "-2^63", "10^400", "10^4299"])
@pytest.mark.parametrize(
    "make",
    [
        lambda number: {"created_at": number},
        lambda number: {"expires_at": number},
        lambda number: {"request_counts": {"total": 1, "completed": number}},
        lambda number: {"errors": [{"line": number}]},
    ],
)
def test_a_number_too_large_to_calculate_with_is_as_if_it_had_not_been_sent(make, number):
    least = dict.fromkeys(make(number)) | ({"errors": []} if "errors" in make(number) else {})
    assert read(**make(number)).model_dump(exclude={"errors"}) == read(**least).model_dump(exclude={"errors"})
    assert all(error.line is None for error in read(**make(number)).errors)


@pytest.mark.parametrize("window", [None, "24h", 86_400])
def test_a_window_may_be_said_in_any_form(window):
    assert read(completion_window=window).completion_window == (window if window is None else str(window))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "a\nb", "C:\\x", "\u202e", "x" * 100_000])
def test_a_filename_is_a_text_like_others(name):
    """Nothing is ever written to it."""
    assert File.model_validate_json(json.dumps({"id": "file_1", "filename": name})).filename == name
