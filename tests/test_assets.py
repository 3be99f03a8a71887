"""Assets by their URIs, as Airflow makes them with what the package registers."""

import pytest
from airflow.sdk import Asset, ObjectStoragePath
from airflows import HookLineageCollector, since

from airflow_provider_groq.assets import create_asset, folder_asset


@pytest.mark.parametrize(
    "uri",
    ["groq://groq_default/batches", "groq://groq_default/batches/nightly", "groq://Team-A.eu/batches/batch_01m8/x%20y"],
)
def test_batches_have_uris(uri):
    asset = Asset(uri)
    assert asset.uri == asset.name == asset.normalized_uri == uri


def test_spellings_of_the_same_uri_are_one():
    assert Asset("GROQ://groq_default/batches/nightly/#part").uri == "groq://groq_default/batches/nightly"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("groq:///batches/nightly", "names no connection"),
        pytest.param(
            "groq://gsk_key@groq_default/batches",
            "more than a connection id before /batches",
            marks=since(3, 1, "an Asset that leaves a user's name in its URI to us"),
        ),
        ("groq://groq_default:443/batches", "more than a connection id before /batches"),
        ("groq://groq_default", "names no batches"),
        ("groq://groq_default/files/file_1", "names no batches"),
        ("groq://groq_default/batches//nightly", "names no batches"),
        ("groq://groq_default/batches/../nightly", "names no batches"),
        ("groq://groq_default/batches?name=nightly", "has a query, but only its path identifies batches"),
    ],
)
def test_what_names_no_batches_is_refused_with_the_form(uri, said):
    with pytest.raises(ValueError, match=said) as error:
        Asset(uri)
    assert "The form is groq://<connection id>/batches, or groq://" in str(error.value)
    assert "gsk_key" not in str(error.value)


def test_airflow_makes_them_by_the_scheme_too():
    """As hooks tell of what they have read and written."""
    made = HookLineageCollector().create_asset(
        scheme="groq", asset_kwargs={"groq_conn_id": "team", "name": "a b/ü"}, asset_extra={"by": "hand"}
    )
    assert made.uri == "groq://team/batches/a%20b/%C3%BC"
    assert made.extra == {"by": "hand"}
    assert create_asset().uri == "groq://groq_default/batches"


@pytest.mark.parametrize("name", ["", "/nightly", "nightly/", "a//b", ".."])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="names no batches"):
        create_asset(name=name)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/tmp/answers/ds=2026-11-24", "file:///tmp/answers/ds=2026-11-24"),  # noqa: S108
        ("file:///tmp/answers/", "file:///tmp/answers"),
        ("/what?#100%", "file:///what%3F%23100%25"),
        ("s3://bucket/answers/2026-11-24", "s3://bucket/answers/2026-11-24"),
        ("s3://aws_default@bucket/ä b", "s3://bucket/%C3%A4%20b"),
        ("memory://bucket", "memory://bucket/"),
    ],
)
def test_a_folder_has_the_same_uri_whoever_reads_it(path, uri):
    assert folder_asset(path).uri == uri


def test_so_has_a_path_of_airflows():
    assert folder_asset(ObjectStoragePath("s3://aws_default@bucket/answers")).uri == "s3://bucket/answers"
    assert folder_asset(ObjectStoragePath("/tmp/answers")).uri == "file:///tmp/answers"  # noqa: S108
