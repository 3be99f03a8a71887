"""How connections are read, from every place that Airflow keeps them and in every form."""

import json
from urllib.parse import urlencode

import pytest
from airflows import redact, since
from relays import clear_environment

from airflow_provider_groq.api.settings import BASE_URL, MAX_FILE_BYTES
from airflow_provider_groq.exceptions import GroqConnectionError

KEY = "gsk_secret_key"


def settings(conn_id="groq_default"):
    from airflow_provider_groq.hooks.groq import GroqHook

    return GroqHook(conn_id).settings()


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        (f"groq://:{KEY}@", BASE_URL),
        (f"groq://:{KEY}@/", BASE_URL),
        (f"groq://:{KEY}@?timeout=5", BASE_URL),
        (f"groq://:{KEY}@localhost:8080/http", "http://localhost:8080"),
        (f"groq://:{KEY}@gateway.example/https", "https://gateway.example"),
        (f"groq://:{KEY}@http%3A%2F%2Flocalhost%3A8080", "http://localhost:8080"),
        (f"groq://:{KEY}@http%3A%2F%2Flocalhost:8080", "http://localhost:8080"),
        (f"groq://:{KEY}@https%3A%2F%2Fgateway.example%2Fgroq", "https://gateway.example/groq"),
        (f"groq://http://:{KEY}@localhost:8080", "http://localhost:8080"),
        (f"groq://https://:{KEY}@gateway.example:8443", "https://gateway.example:8443"),
    ],
)
def test_a_connection_may_be_a_uri(connect, uri, base_url):
    connect(uri)
    assert (settings().api_key, settings().base_url) == (KEY, base_url)


def test_a_uri_carries_tuning_as_text(connect):
    connect(f"groq://:{KEY}@?timeout=2.5&max_retries=0&max_file_bytes=1000&allow_http=true&check_models=false")
    found = settings()
    assert (found.timeout, found.max_retries, found.max_file_bytes) == (2.5, 0, 1000)
    assert (found.allow_http, found.check_models) == (True, False)


@pytest.mark.parametrize(
    ("said", "meant"),
    [(False, False), (0, False), ("0", False), ("no", False), ("off", False), (1, True), ("Yes", True)],
)
def test_a_flag_may_be_said_in_other_words_that_have_one_meaning(connect, said, meant):
    connect(extra={"check_models": said, "allow_http": said})
    assert (settings().check_models, settings().allow_http) == (meant, meant)


def test_a_key_in_a_uri_may_be_quoted(connect):
    connect("groq://:gsk%2Fa%3Ab@")
    assert settings().api_key == "gsk/a:b"


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({}, BASE_URL),
        ({"host": ""}, BASE_URL),
        ({"host": None}, BASE_URL),
        ({"host": "  https://gateway.example \n"}, "https://gateway.example"),
        ({"host": "https://gateway.example/v1/"}, "https://gateway.example/v1/"),
        ({"host": "http://localhost", "port": 9000}, "http://localhost:9000"),
        ({"host": "http://localhost:9000", "port": 9000}, "http://localhost:9000"),
        ({"host": "http://[::1]", "port": 9000}, "http://[::1]:9000"),
        ({"host": "http://localhost/groq", "port": 9000}, "http://localhost:9000/groq"),
        ({"host": "localhost", "port": 9000, "schema": "http"}, "http://localhost:9000"),
        ({"host": "gateway.example", "schema": "https"}, "https://gateway.example"),
        ({"host": "https://gateway.example", "schema": "http", "login": "me"}, "https://gateway.example"),
    ],
)
def test_the_base_url_as_the_form_takes_it(connect, fields, base_url):
    connect(**fields)
    assert settings().base_url == base_url


@pytest.mark.parametrize(
    "extra", [{}, "", None, {"timeout": None, "max_retries": None}, {"unknown": 1, "nested": {"a": [1]}}]
)
def test_tuning_that_is_left_out_is_as_usual_and_what_is_unknown_is_nothing(connect, extra):
    connect(extra=extra)
    found = settings()
    assert (found.timeout, found.max_retries, found.max_file_bytes) == (60.0, 5, MAX_FILE_BYTES)
    assert (found.allow_http, found.check_models) == (False, True)


def test_a_key_pasted_with_an_end_of_line_is_good(connect):
    connect(password=f" {KEY}\n")
    assert settings().api_key == KEY


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "not a url"), ("SSL_CERT_FILE", "/missing.pem"), ("SSL_CERT_DIR", "/missing")]
)
def test_an_environment_that_cannot_be_used_is_named_at_once(connect, monkeypatch, name, value):
    from airflow_provider_groq.hooks.groq import GroqHook

    connect(host="https://groq.invalid")
    clear_environment(monkeypatch)
    monkeypatch.setenv(name, value)
    with pytest.raises(GroqConnectionError, match=f"environment variable {name} "):
        GroqHook().list_models()
    works, said = GroqHook().test_connection()
    assert not works
    assert f"environment variable {name} " in said


def test_a_bundle_of_certificates_that_is_missing_is_named(connect):
    from airflow_provider_groq.hooks.groq import GroqHook

    connect(host="https://groq.invalid", extra={"ca_bundle": "/missing.pem"})
    with pytest.raises(GroqConnectionError, match="^ca_bundle in the extra of connection 'groq_default' .*/missing"):
        GroqHook().list_models()


def test_plain_http_elsewhere_if_allowed(connect):
    connect(host="http://gateway.example", extra={"allow_http": True})
    assert settings().base_url == "http://gateway.example"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": None}, "There is no API key: put Groq's key into the connection's password."),
        ({"password": " \n"}, "There is no API key"),
        ({"password": "gsk_secret key"}, "The API key (the connection's password) has white space"),
        ({"host": "api.groq.com"}, "The base URL (host) 'api.groq.com' must begin with https:// and name a host"),
        ({"host": "localhost", "port": 9000}, "The base URL (host) 'localhost' must begin with https://"),
        ({"host": "http://api.groq.com"}, "'http://api.groq.com' would send the key over plain HTTP to another"),
        ({"host": "https://user:gsk_secret_key@x.example"}, "The base URL (host) must not have a user, password"),
        ({"extra": {"timeout": "soon"}}, "timeout in extra is 'soon': Input should be a valid number"),
        ({"extra": {"timeout": ""}}, "timeout in extra is '': Input should be a valid number"),
        ({"extra": {"timeout": [5]}}, "timeout in extra is [5]: Input should be a valid number"),
        ({"extra": {"timeout": 0}}, "timeout must be a number of seconds above 0 and up to 86,400, but is 0.0."),
        (
            {"extra": {"timeout": float("inf")}},
            "timeout must be a number of seconds above 0 and up to 86,400, but is i",
        ),
        ({"extra": {"timeout": True}}, "timeout in extra is True: Input should be a number, not true or false."),
        ({"extra": {"max_retries": False}}, "max_retries in extra is False: Input should be a number, not true or"),
        ({"extra": {"max_file_bytes": True}}, "max_file_bytes in extra is True: Input should be a number, not true or"),
        ({"extra": {"max_file_bytes": "true"}}, "max_file_bytes in extra is 'true': Input should be a valid integer"),
        ({"extra": {"max_retries": 1.5}}, "max_retries in extra is 1.5: Input should be a valid integer"),
        ({"extra": {"max_retries": -1}}, "max_retries must be 0 or more, but is -1."),
        ({"extra": {"max_file_bytes": 0}}, "max_file_bytes must be above 0, but is 0."),
        ({"extra": {"allow_http": "maybe"}}, "allow_http in extra is 'maybe': Input should be a valid boolean"),
        ({"extra": {"check_models": 2}}, "check_models in extra is 2: Input should be a valid boolean"),
        ({"extra": {"check_models": [False]}}, "check_models in extra is [False]: Input should be a valid boolean"),
        ({"extra": {"check_models": "perhaps"}}, "check_models in extra is 'perhaps': Input should be a valid boolean"),
        pytest.param(
            {"extra": '["gsk_secret"]'},
            "extra must be a JSON object, but is list.",
            marks=since(3, 2, "an error for it other than that there is no connection"),
        ),
        ({"extra": {"headers": "X-Key: gsk_secret"}}, "headers must be a JSON object, such as {"),
        ({"extra": {"headers": ["X-Key: gsk_secret"]}}, "headers must be a JSON object, such as {"),
        ({"extra": {"headers": {"X-Key: gsk_secret": ""}}}, "headers has an invalid header name (not shown"),
        ({"extra": {"headers": {"X-Key": ["gsk_secret"]}}}, "headers has 'X-Key' with a value that is not text: quote"),
        ({"extra": {"headers": {"X-Key": "gsk_secret\n"}}}, "headers has 'X-Key' with an invalid value"),
        ({"extra": {"headers": {"Authorization": "Bearer gsk_secret"}}}, "headers has 'Authorization', which only"),
    ],
)
def test_a_connection_that_cannot_be_used_is_named_and_its_key_not_shown(connect, fields, message):
    connect(**fields)
    with pytest.raises(GroqConnectionError) as caught:
        settings()
    assert str(caught.value).startswith("Connection 'groq_default': ")
    assert message in str(caught.value)
    assert "gsk_secret" not in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize("conn_type", ["groq", "generic", None, ""])
def test_a_connection_of_no_other_service_needs_no_host(connect, conn_type):
    connect(conn_type=conn_type)
    assert settings().base_url == BASE_URL


@pytest.mark.parametrize("conn_type", ["http", "openai", "pydanticai"])
def test_a_connection_of_a_gateway_goes_to_its_own_host_or_nowhere(connect, conn_type):
    connect(conn_type=conn_type, host="https://gateway.example/v1")
    assert settings().base_url == "https://gateway.example/v1"
    connect(conn_type=conn_type)
    with pytest.raises(GroqConnectionError, match=f"'groq_default': Its type is '{conn_type}' and it has no base URL"):
        settings()


@pytest.mark.parametrize(
    "uri", ["postgres://me:gsk_secret@db.example:5432/rows", "aws://me:gsk_secret@", "https://:gsk_secret@x.example"]
)
def test_a_connection_of_another_service_is_named_by_its_type(monkeypatch, uri):
    """Its password must go nowhere."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri)
    conn_type = uri.partition(":")[0]
    with pytest.raises(GroqConnectionError) as caught:
        settings("warehouse")
    wanted = f"Connection 'warehouse': Its type is {conn_type!r}, but must be 'groq'."
    assert str(caught.value).startswith(wanted)
    assert "gsk_secret" not in str(caught.value)


HEADERS = {"X-Team": "a team of ours", "cf-aig-authorization": "Bearer gateway_secret"}


@pytest.mark.parametrize(
    "uri",
    [
        f"groq://:{KEY}@?{urlencode({'__extra__': json.dumps({'headers': HEADERS})})}",
        f"groq://:{KEY}@?{urlencode({'headers': json.dumps(HEADERS)})}",
        json.dumps({"conn_type": "groq", "password": KEY, "extra": {"headers": HEADERS}}),
        json.dumps({"conn_type": "groq", "password": KEY, "extra": {"headers": json.dumps(HEADERS)}}),
    ],
)
def test_headers_stand_in_the_extra(connect, uri):
    connect(uri)
    assert settings().headers == HEADERS


def test_headers_are_masked_in_the_logs_of_tasks(connect):
    connect(extra={"headers": {"X-Team": "team_of_the_task"}})
    settings()
    assert redact("for team_of_the_task") == "for ***"


async def test_headers_are_masked_in_the_logs_of_the_triggerer(connect):
    from airflow_provider_groq.hooks.groq import GroqHook

    connect(extra={"headers": {"X-Team": "team_of_the_trigger", "X-Key": "Bearer the_gateways"}})
    async with await GroqHook().get_async_conn():
        assert redact("for team_of_the_trigger: the_gateways") == "for ***: ***"


def test_a_uri_without_a_scheme_for_http_says_what_is_missing(connect):
    connect(f"groq://:{KEY}@localhost:8080")
    with pytest.raises(GroqConnectionError, match="'localhost' must begin with https://"):
        settings()


@pytest.fixture
def no_connection(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_GROQ_DEFAULT", raising=False)


def test_a_connection_that_does_not_exist_is_airflows_matter(no_connection):
    from airflow_provider_groq.compat import AirflowNotFoundException

    with pytest.raises(AirflowNotFoundException, match="groq_default"):
        settings()
    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        settings("nowhere")


def test_another_connection_may_be_named(connect, monkeypatch):
    connect()
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_B", "groq://:gsk_team_b@")
    assert settings("team_b").api_key == "gsk_team_b"
    assert settings().api_key == KEY


async def test_a_coroutine_reads_the_same_connection(connect):
    from airflow_provider_groq.hooks.groq import GroqHook

    connect(f"groq://:{KEY}@localhost:8080/http?timeout=5")
    async with await GroqHook().get_async_conn() as client:
        assert client.settings == settings()


async def test_a_coroutine_hears_of_the_same_problems(connect, no_connection):
    from airflow_provider_groq.compat import AirflowNotFoundException
    from airflow_provider_groq.hooks.groq import GroqHook

    with pytest.raises(AirflowNotFoundException, match="groq_default"):
        await GroqHook().get_async_conn()
    connect(host="api.groq.com")
    with pytest.raises(GroqConnectionError, match="Connection 'groq_default': .* must begin with https://"):
        await GroqHook().get_async_conn()


@since(3, 1, "GroqHook.aget_connection")
async def test_a_connection_that_only_the_blocking_way_finds_is_found(connect, mocker):
    """As with `dag.test()`, where coroutines do not see the connections of the database."""
    from airflow_provider_groq.compat import AirflowNotFoundException
    from airflow_provider_groq.hooks.groq import GroqHook

    connect()
    mocker.patch("airflow_provider_groq.hooks.groq.GroqHook.aget_connection", side_effect=AirflowNotFoundException)
    async with await GroqHook().get_async_conn() as client:
        assert client.settings.api_key == KEY
