"""Proxies and certificates as the environment names them: for other hosts, never for this machine itself."""

import contextlib
import gc
import os
import shutil
import ssl
import stat
import subprocess
import sys

import pytest
from relays import HOST, Authority, Relay, clear_environment, connect, nonsense, socks

from airflow_provider_groq.api import calls, environment
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqConnectionError, GroqTransportError

ELSEWHERE = f"https://{HOST}"


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Sets variables of an environment that has none of these."""
    clear_environment(monkeypatch)

    def variables(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return variables


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def relay(groq_emulator, authority):
    """Makes a relay before the emulator, or before another."""
    with contextlib.ExitStack() as stack:

        def relay(upstream=None, *, tls=False, greet=None):
            made = Relay(
                upstream or groq_emulator.url, context=authority.server_context() if tls else None, greet=greet
            )
            stack.callback(made.stop)
            return made

        yield relay


@pytest.fixture
def gateway(relay):
    """The emulator behind TLS, with a certificate of our authority."""
    return f"https://127.0.0.1:{relay(tls=True).port}"


def proxied(base_url, **settings):
    """The proxy through which a server would be asked."""
    found = environment.proxy(Settings("gsk_x", base_url=base_url, allow_http=True, **settings))
    return found and str(found.url)


class TestProxy:
    @pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h"])
    def test_other_hosts_are_asked_through_it(self, client, relay, authority, variables, kind):
        if kind.startswith("socks"):
            pytest.importorskip("socksio")
        gateway = relay(tls=True)
        greet = socks if kind.startswith("socks") else connect
        proxy = relay(f"https://127.0.0.1:{gateway.port}", tls=kind == "https", greet=greet)
        variables(HTTPS_PROXY=f"{kind}://127.0.0.1:{proxy.port}", SSL_CERT_FILE=authority.pem)
        assert client(base_url=ELSEWHERE).send(calls.list_models()).data
        (asked,) = proxy.asked
        assert f"{HOST}:443" in asked
        assert "Bearer" not in asked

    def test_its_password_goes_to_it_alone(self, client, relay, authority, variables):
        gateway = relay(tls=True)
        proxy = relay(f"https://127.0.0.1:{gateway.port}", greet=connect)
        variables(HTTPS_PROXY=f"http://user:secret@127.0.0.1:{proxy.port}\n", SSL_CERT_FILE=authority.pem)
        assert client(base_url=ELSEWHERE).send(calls.list_models()).data
        assert "Proxy-Authorization: Basic" in proxy.asked[0]

    @pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
    def test_this_machine_is_asked_directly(self, variables, name, host):
        variables(**{name: "http://proxy.example:3128"})
        assert proxied(f"http://{host}:8080") is None

    def test_the_emulator_is_asked_directly(self, client, variables):
        variables(HTTP_PROXY="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9")  # nobody listens there
        assert client().send(calls.list_models()).data

    @pytest.mark.parametrize(
        ("values", "base_url", "expected"),
        [
            ({}, ELSEWHERE, None),
            ({"https_proxy": "http://a:1"}, ELSEWHERE, "http://a:1"),
            ({"https_proxy": "a:1"}, ELSEWHERE, "http://a:1"),
            ({"https_proxy": " http://a:1\n"}, ELSEWHERE, "http://a:1"),
            ({"https_proxy": "HTTP://a:1"}, ELSEWHERE, "http://a:1"),
            ({"https_proxy": "http://[fd00::1]:1"}, ELSEWHERE, "http://[fd00::1]:1"),
            ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, ELSEWHERE, "http://a:1"),
            ({"https_proxy": "", "HTTPS_PROXY": "http://b:1"}, ELSEWHERE, None),
            ({"https_proxy": "http://a:1", "ALL_PROXY": "http://b:1"}, ELSEWHERE, "http://a:1"),
            ({"http_proxy": "http://a:1"}, ELSEWHERE, None),
            ({"http_proxy": "http://a:1"}, "http://gateway.example", "http://a:1"),
            ({"https_proxy": "http://a:1"}, "http://gateway.example", None),
            ({"TRAVIS_APT_PROXY": "http://a:1"}, ELSEWHERE, None),
        ],
    )
    def test_which_one_holds_for_a_server(self, variables, values, base_url, expected):
        variables(**values)
        assert proxied(base_url) == expected

    @pytest.mark.parametrize(
        ("no_proxy", "host"),
        [
            ("*", "gateway.example"),
            ("other.example, *", "gateway.example"),
            ("gateway.example", "gateway.example"),
            ("GATEWAY.example", "gateway.EXAMPLE"),
            ("other.example,gateway.example", "gateway.example"),
            ("other.example gateway.example", "gateway.example"),
            ("example", "gateway.example"),
            (".example", "gateway.example"),
            ("*.example", "gateway.example"),
            (".gateway.example", "gateway.example"),
            ("gateway.example:443", "gateway.example"),
            ("gateway.example:8443", "gateway.example:8443"),
            ("https://gateway.example", "gateway.example"),
            ("all://gateway.example", "gateway.example"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.2.0/24,fd00::/8", "10.1.2.3"),
            ("10.1.2.3/8", "10.1.2.3"),
            ("fd00::1", "[fd00::1]"),
            ("[fd00::1]", "[fd00::1]:8443"),
            ("[fd00::1]:8443", "[fd00::1]:8443"),
            ("fd00:0:0::1", "[fd00::1]"),
            ("fd00::/8", "[fd00::1]"),
            ("[fd00::/8]", "[fd00::1]"),
        ],
    )
    @pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
    def test_hosts_that_need_none(self, variables, name, no_proxy, host):
        variables(**{"https_proxy": "http://a:1", name: no_proxy})
        assert proxied(f"https://{host}") is None

    @pytest.mark.parametrize(
        ("no_proxy", "host"),
        [
            ("", "gateway.example"),
            (",, ,", "gateway.example"),
            ("way.example", "gateway.example"),
            ("gateway.example.com", "gateway.example"),
            ("a.gateway.example", "gateway.example"),
            ("gateway.example:8443", "gateway.example"),
            ("http://gateway.example", "gateway.example"),
            ("gateway.example:port", "gateway.example"),
            (".", "gateway.example"),
            ("*.", "gateway.example"),
            ("::1", "gateway.example"),
            ("[::1", "gateway.example"),
            ("10.0.0.0/8", "gateway.example"),
            ("10.0.0.0/8", "11.1.2.3"),
            ("10.0.0.0/99", "10.0.0.1"),
            ("::/0", "10.0.0.1"),
            ("0.0.0.0/0", "[fd00::1]"),
            ("fd00::/8", "[fe80::1]"),
        ],
    )
    def test_hosts_that_need_it(self, variables, no_proxy, host):
        variables(https_proxy="http://a:1", NO_PROXY=no_proxy)
        assert proxied(f"https://{host}") == "http://a:1"

    @pytest.mark.parametrize(
        "value",
        [
            *[
                "not a url",
                "http://",
                "://",
                "http:///a:1",
                "http://a:port",
                "http://a:0",
                "http://a:99999",
                "http://[::1",
            ],
            *["ftp://a:1", "socks4://a:1", "http://user:sec/ret@a:1", "http://a\u2488b:1", "http://user:secret@:1"],
        ],
    )
    def test_what_is_no_proxy_is_named_by_its_variable_and_not_shown(self, client, variables, value):
        variables(ALL_PROXY=value)
        with pytest.raises(GroqConnectionError) as caught:
            client(base_url=ELSEWHERE)
        assert "The environment variable ALL_PROXY is not a valid proxy URL" in str(caught.value)
        assert f"add {HOST} to NO_PROXY" in str(caught.value)
        assert "sec" not in str(caught.value).replace("socks", "")

    @pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "All_Proxy"])
    def test_the_variable_is_named_as_it_is_written(self, variables, name):
        variables(**{name: "not a url"})
        with pytest.raises(GroqConnectionError, match=f"The environment variable {name} "):
            proxied(ELSEWHERE)

    def test_what_is_no_proxy_does_no_harm_where_none_is_needed(self, client, variables):
        variables(ALL_PROXY="not a url", HTTPS_PROXY="socks4://a:1", NO_PROXY="::1,10.0.0.0/8,[::1")
        assert client().send(calls.list_models()).data
        variables(NO_PROXY=HOST)
        client(base_url=ELSEWHERE)

    @pytest.mark.parametrize("kind", ["socks5", "socks5h"])
    def test_socks_without_its_package_says_what_to_install(self, client, variables, monkeypatch, kind):
        monkeypatch.setitem(sys.modules, "socksio", None)
        variables(ALL_PROXY=f"{kind}://user:secret@127.0.0.1:9")
        with pytest.raises(GroqConnectionError, match=r"ALL_PROXY .* airflow-provider-groq\[socks\]") as caught:
            client(base_url=ELSEWHERE)
        assert "secret" not in str(caught.value)

    # Of a proxy that speaks no SOCKS, httpcore leaves the connection to the garbage collector.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("kind", ["http", "https", "socks5"])
    def test_one_that_is_not_there_or_does_not_understand_is_named(self, client, relay, variables, kind):
        if kind == "socks5":
            pytest.importorskip("socksio")
        for port in (9, relay(greet=nonsense).port):
            variables(HTTPS_PROXY=f"{kind}://127.0.0.1:{port}")
            with pytest.raises(GroqTransportError, match="through the proxy that HTTPS_PROXY names") as caught:
                client(base_url=ELSEWHERE, max_retries=0, timeout=5).send(calls.list_models())
            assert not caught.value.sent
        del caught
        gc.collect()


@pytest.fixture
def hashed(authority, tmp_path):
    """A folder with the authority's certificate by the name that OpenSSL finds."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs the openssl command")
    done = subprocess.run([openssl, "x509", "-hash", "-noout", "-in", authority.pem], capture_output=True, check=True)
    folder = tmp_path / "hashed"
    folder.mkdir()
    shutil.copy(authority.pem, folder / f"{done.stdout.decode().strip()}.0")
    return folder


FILES = {
    "missing.pem": "cannot be read: No such file or directory",
    "empty.pem": "has no readable certificate. It must be in PEM format",
    "text.pem": "has no readable certificate. It must be in PEM format",
    "broken.pem": "has no readable certificate. It must be in PEM format",
    "der.crt": "has no readable certificate. It must be in PEM format",
    "text.pem/below": "cannot be read: Not a directory",
}
UNFOUND = "has no certificate with a name that OpenSSL finds: run `openssl rehash` on it"


class TestCertificates:
    def test_a_private_authority_is_not_trusted_unless_named(self, client, gateway):
        with pytest.raises(GroqTransportError, match="CERTIFICATE_VERIFY_FAILED.*ca_bundle"):
            client(base_url=gateway, max_retries=0).send(calls.list_models())

    def test_a_file_of_the_environment_holds_on_this_machine_too(self, client, gateway, authority, variables):
        variables(SSL_CERT_FILE=authority.pem, HTTPS_PROXY="http://127.0.0.1:9")
        assert client(base_url=gateway).send(calls.list_models()).data

    def test_a_folder_of_the_environment_holds_on_this_machine_too(self, client, gateway, hashed, variables):
        variables(SSL_CERT_DIR=f"/missing{os.pathsep}{hashed}")
        assert client(base_url=gateway).send(calls.list_models()).data

    def test_the_connection_may_name_a_file(self, client, gateway, authority, variables):
        variables(SSL_CERT_FILE="/missing.pem", SSL_CERT_DIR="/missing")
        assert client(base_url=gateway, ca_bundle=str(authority.pem)).send(calls.list_models()).data

    def test_the_connection_may_name_a_file_at_home(self, client, gateway, authority, variables):
        variables(HOME=authority.pem.parent)
        assert client(base_url=gateway, ca_bundle="~/authority.pem").send(calls.list_models()).data

    def test_the_connection_may_name_a_folder(self, client, gateway, hashed):
        assert client(base_url=gateway, ca_bundle=str(hashed)).send(calls.list_models()).data

    def test_the_name_in_the_certificate_is_checked_too(self, client, gateway, authority):
        gateway = gateway.replace("127.0.0.1", "localhost")
        with pytest.raises(GroqTransportError, match="CERTIFICATE_VERIFY_FAILED.*Hostname mismatch"):
            client(base_url=gateway, ca_bundle=str(authority.pem), max_retries=0).send(calls.list_models())

    def test_what_is_named_counts_alone(self, authority):
        names = environment.tls(Settings("gsk_x", ca_bundle=str(authority.pem))).get_ca_certs()
        assert [dict(pair for (pair,) in name["subject"])["commonName"] for name in names] == ["Our Authority"]

    @pytest.fixture
    def named(self, tmp_path):
        """Files and folders that hold no certificates."""
        (tmp_path / "empty.pem").touch()
        (tmp_path / "text.pem").write_text("no certificate\n")
        (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        (tmp_path / "der.crt").write_bytes(ssl.PEM_cert_to_DER_cert(Authority(tmp_path).pem.read_text()))
        (tmp_path / "folder").mkdir()
        return tmp_path

    @pytest.mark.parametrize("name", [*FILES, "folder"])
    def test_a_file_of_the_environment_without_certificates(self, client, named, variables, name):
        variables(SSL_CERT_FILE=named / name)
        with pytest.raises(GroqConnectionError) as caught:
            client(base_url="https://127.0.0.1:9")
        reason = FILES.get(name, "cannot be read: Is a directory")
        assert f"The environment variable SSL_CERT_FILE names the file {str(named / name)!r}, which {reason}" in str(
            caught.value
        )

    @pytest.mark.parametrize("name", [*FILES, "folder"])
    def test_a_connection_without_certificates(self, client, named, name):
        for base_url in ("https://127.0.0.1:9", "http://127.0.0.1:9"):
            with pytest.raises(GroqConnectionError) as caught:
                client(base_url=base_url, ca_bundle=str(named / name), origin="connection 'ours'")
            reason = FILES.get(name, UNFOUND)
            kind = "folder" if name == "folder" else "file"
            assert f"ca_bundle in the extra of connection 'ours' names the {kind} {str(named / name)!r}, which " in str(
                caught.value
            )
            assert reason in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("folder", UNFOUND),
            ("missing", "cannot be read: No such file or directory"),
            ("text.pem", "cannot be read: Not a directory"),
        ],
    )
    def test_a_folder_of_the_environment_without_certificates(self, client, named, variables, name, reason):
        variables(SSL_CERT_DIR=named / name)
        with pytest.raises(GroqConnectionError) as caught:
            client(base_url=ELSEWHERE)
        assert f"The environment variable SSL_CERT_DIR names the folder {str(named / name)!r}, which {reason}" in str(
            caught.value
        )

    def test_a_path_that_no_file_can_have(self, client):
        with pytest.raises(GroqConnectionError, match="ca_bundle .* cannot be read: embedded null byte"):
            client(base_url=ELSEWHERE, ca_bundle="a\0b")

    def test_what_is_wrong_with_certificates_does_no_harm_where_none_are_needed(self, client, variables):
        variables(SSL_CERT_FILE="/missing.pem", SSL_CERT_DIR="/missing", SSLKEYLOGFILE="/missing/keys")
        assert client().send(calls.list_models()).data

    def test_a_file_for_keys_that_cannot_be_written(self, client, variables, authority):
        variables(SSLKEYLOGFILE="/missing/keys")
        for ca_bundle in ("", str(authority.pem)):
            with pytest.raises(GroqConnectionError, match="SSLKEYLOGFILE .* '/missing/keys', which cannot be written"):
                client(base_url=ELSEWHERE, ca_bundle=ca_bundle)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
    def test_a_file_that_may_not_be_read(self, authority, variables, tmp_path):
        path = tmp_path / "theirs.pem"
        shutil.copy(authority.pem, path)
        path.chmod(stat.S_IRUSR)
        variables(SSL_CERT_FILE=path)
        os.seteuid(65534)
        try:
            with pytest.raises(GroqConnectionError, match="SSL_CERT_FILE .* cannot be read: Permission denied"):
                GroqClient(Settings("gsk_x"))
        finally:
            os.seteuid(0)
