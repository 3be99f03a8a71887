"""Settings: what a client may be told, and what is refused before it sends anything."""

from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqConnectionError

KEY = "gsk_secret"


@pytest.mark.parametrize(
    ("base_url", "api_url"),
    [
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        ("https://gateway.example/v1", "https://gateway.example/v1"),
        ("https://gateway.example/groq", "https://gateway.example/groq/openai/v1"),
        ("https://gateway.example:8443", "https://gateway.example:8443/openai/v1"),
        ("HTTPS://gateway.example", "HTTPS://gateway.example/openai/v1"),
        ("https://[::1]:8443", "https://[::1]:8443/openai/v1"),
        ("https://bücher.example", "https://bücher.example/openai/v1"),
    ],
)
def test_a_base_url_may_have_many_forms(base_url, api_url):
    settings = Settings(KEY, base_url=base_url)
    assert settings.api_url == api_url
    with GroqClient(settings):
        pass


@pytest.mark.parametrize(
    ("base_url", "is_groq"),
    [
        ("https://api.groq.com", True),
        ("https://API.GROQ.com/openai/v1", True),
        ("https://api.groq.com:443/", True),
        ("https://api.groq.com.gateway.example", False),
        ("https://gateway.example/api.groq.com", False),
        ("http://127.0.0.1:8123", False),
    ],
)
def test_groq_itself_is_told_from_a_gateway(base_url, is_groq):
    assert Settings(KEY, base_url=base_url).is_groq is is_groq


def test_the_base_url_is_groqs_unless_said():
    assert Settings(KEY).api_url == "https://api.groq.com/openai/v1"


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.groq.com",
        "api.groq.com:443",
        "//api.groq.com",
        "https://",
        "https:///openai/v1",
        "https:api.groq.com",
        "ftp://api.groq.com",
        "localhost:8080",
        "https://api groq.com",
        " https://api.groq.com",
        "https://api.groq\n.com",
        "https://api.groq.com\x00",
        "https://\ud800.com",
    ],
)
def test_a_base_url_needs_scheme_and_host(base_url):
    with pytest.raises(GroqConnectionError, match=r"must begin with https:// and name a host, .* https://api\.groq"):
        Settings(KEY, base_url=base_url)


@pytest.mark.parametrize("base_url", ["https://[::1", "https://api.groq.com:port", "https://api.groq.com:99999"])
def test_a_base_url_that_cannot_be_taken_apart_is_refused(base_url):
    with pytest.raises(GroqConnectionError, match="is not a URL"):
        Settings(KEY, base_url=base_url)


def test_a_host_that_no_server_can_have_is_refused_by_the_client():
    settings = Settings(KEY, base_url="https://\u2488com")
    with pytest.raises(GroqConnectionError, match="is not a URL"):
        GroqClient(settings)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://gsk_secret@api.groq.com",
        "https://user:gsk_secret@api.groq.com",
        "https://api.groq.com?key=gsk_secret",
        "https://api.groq.com#gsk_secret",
        "https://api.groq.com?",
        "https://api.groq.com#",
    ],
)
def test_a_base_url_that_may_hold_a_secret_is_refused_and_not_shown(base_url):
    with pytest.raises(GroqConnectionError, match="must not have a user, password, query or fragment") as caught:
        Settings(KEY, base_url=base_url)
    assert "gsk_secret" not in str(caught.value)


LOOPBACK = ["http://localhost:1", "http://LOCALHOST", "http://127.0.0.1:80", "http://127.9.9.9", "http://[::1]:8080"]
ELSEWHERE = [
    "http://api.groq.com",
    "http://10.0.0.1",
    "http://0.0.0.0:8000",
    "http://localhost.example",
    "http://127.0.0.1.example",
    "http://[fe80::1]",
]


@pytest.mark.parametrize("base_url", LOOPBACK)
def test_plain_http_to_this_machine_is_good(base_url):
    assert Settings(KEY, base_url=base_url).base_url == base_url


@pytest.mark.parametrize("base_url", ELSEWHERE)
def test_plain_http_to_another_machine_must_be_allowed(base_url):
    with pytest.raises(GroqConnectionError, match='plain HTTP to another machine.*"allow_http": true'):
        Settings(KEY, base_url=base_url)
    assert Settings(KEY, base_url=base_url, allow_http=True).base_url == base_url


PIECES = [
    *["http://", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "evil.example", "10.0.0.1", "::1", "127.1"],
    *["@", ":", "/", "\\", "#", "?", ".", "[", "]", "%2e", "%00", "0x7f000001", "2130706433", "ⓛocalhost", "。", "80"],
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=6).map("".join))
def test_no_spelling_makes_another_machine_look_like_this_one(rest):
    """What httpx takes for the host is what was judged."""
    try:
        settings = Settings(KEY, base_url=f"http://{rest}")
        host = httpx.URL(settings.api_url).host
    except (GroqConnectionError, httpx.InvalidURL):
        return
    assert host == "localhost" or ip_address(host).is_loopback


@pytest.mark.parametrize(
    "key", ["gsk_se cret", "gsk_secret\n", "\tgsk_secret", "gsk_secret\x00", "gsk_sécret", "x\u200b"]
)
def test_a_key_with_what_no_key_has_is_refused_and_not_shown(key):
    with pytest.raises(GroqConnectionError, match="has white space or invalid characters") as caught:
        Settings(key)
    assert key.strip() not in str(caught.value)
    assert repr(key)[1:-1] not in repr(caught.value)


def test_no_key():
    with pytest.raises(GroqConnectionError, match="There is no API key"):
        Settings("")


def test_the_key_is_not_shown():
    settings = Settings(KEY)
    assert KEY not in repr(settings)
    assert KEY not in str(settings)
    assert settings.all_headers["authorization"] == f"Bearer {KEY}"
    assert settings.without_secrets(f"a {KEY} b {KEY}") == "a *** b ***"


@pytest.mark.parametrize(
    "name",
    [
        *["Authorization", "authorization", "Host", "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding"],
        *["Upgrade", "Expect", "Accept-Encoding", "Range", "Content-Length", "content-type", "Content-Encoding"],
        *["Proxy-Authorization", "Proxy-Connection"],
    ],
)
def test_headers_that_are_the_clients_own_are_refused(name):
    with pytest.raises(GroqConnectionError, match=f"headers has '{name}', which only the client may set") as caught:
        Settings(KEY, headers={name: "secret_value"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "X Team", "X-Team:", "X-Team\r\nHost", "X-Téam", ":path", "secret: x"])
def test_what_is_no_name_of_a_header_is_refused_and_not_shown(name):
    with pytest.raises(GroqConnectionError, match="headers has an invalid header name") as caught:
        Settings(KEY, headers={name: "value"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["", " ", " secret", "secret\n", "sec\r\nHost: x", "sec\0ret", "s\u00e9cret", "sec\u2028ret", "\tsecret"]
)
def test_what_is_no_value_of_a_header_is_refused_and_not_shown(value):
    with pytest.raises(GroqConnectionError, match="'X-Team' with an invalid value") as caught:
        Settings(KEY, headers={"X-Team": value})
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize("value", [5, None, True, ["secret"], {"a": "secret"}, b"secret"])
def test_a_header_that_is_no_text_is_refused_and_not_shown(value):
    with pytest.raises(GroqConnectionError, match="'X-Team' with a value that is not text: quote it") as caught:
        Settings(KEY, headers={"X-Team": value})
    assert "secret" not in str(caught.value)


def test_what_headers_carry_is_not_shown():
    settings = Settings(KEY, headers={"X-Key": "Bearer of-the-gateway", "X-Team": "team-12", "X-Zone": "eu"})
    assert "gateway" not in repr(settings)
    assert "team-12" not in repr(settings)
    said = "Bearer of-the-gateway, then of-the-gateway for team-12 in the queue"
    assert settings.without_secrets(said) == "***, then *** for *** in the queue"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", -1.5),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", 86_401),
        ("max_retries", -1),
        ("max_file_bytes", 0),
        ("max_file_bytes", -5),
    ],
)
def test_tuning_that_makes_no_sense_is_refused_by_name_and_value(name, value):
    with pytest.raises(GroqConnectionError, match=f"^{name} must be .*, but is {value!r}"):
        Settings(KEY, **{name: value})


def test_a_hurried_client_has_less_patience_never_more():
    settings = Settings(KEY, timeout=10, max_retries=2)
    assert (settings.hurried(1).timeout, settings.hurried(1).max_retries) == (1, 2)
    assert settings.hurried(30).timeout == 10
