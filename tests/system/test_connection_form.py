"""The form of a connection in a browser: filled in, saved in Airflow's database, and tested with the list's button."""

import re
import socket
from contextlib import closing

import pytest
from system.rest import KEY

from airflow_provider_groq.emulator import GroqEmulator

pytestmark = pytest.mark.system

CONN_ID = "groq_by_form"
MARKUP = """<img src="x" onerror="document.title = 'taken over'">"""


@pytest.fixture(scope="module")
def groq():
    """Groq, with one good key."""
    with GroqEmulator(api_key=KEY) as emulator:
        yield emulator


@pytest.fixture
def dead_host():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


class Form:
    """The form, and the list of connections behind it."""

    def __init__(self, page):
        self.page = page
        page.get_by_role("button", name="Add Connection").click()
        self.dialog = page.get_by_role("dialog")
        self.field("connection_id").fill(CONN_ID)
        self.dialog.get_by_role("combobox").first.click()
        page.keyboard.type("Groq")
        page.get_by_role("option", name="Groq", exact=True).click()

    def field(self, name):
        return self.dialog.locator(f"input[name='{name}']")

    def fill(self, **fields):
        for name, value in fields.items():
            self.field(name).fill(value)

    def save(self):
        self.dialog.get_by_role("button", name="Save").click()
        self.dialog.wait_for(state="hidden")
        self.page.get_by_text("Connection has been successfully created.").wait_for()

    def tried(self, **fields):
        """Fill in the fields, save, press the button, and return what Airflow shows: the title and the message."""
        self.fill(**fields)
        self.save()
        row = self.page.get_by_role("row").filter(has_text=CONN_ID)
        row.get_by_role("button", name="Test Connection").click()
        shown = self.page.get_by_role("status").filter(has_text=re.compile("Test Connection (Successful|Failed)"))
        shown.wait_for()
        title, message = shown.inner_text().split("\n", 1)
        return title, message


@pytest.fixture
def form(airflow, open_page):
    """The form of a new connection, which is gone after the test."""
    yield Form(open_page(airflow.url, *airflow.login, path="/connections", size=(1100, 860)))
    if any(connection["connection_id"] == CONN_ID for connection in airflow.call("GET", "connections")["connections"]):
        airflow.delete(f"connections/{CONN_ID}")


def test_the_form_has_the_fields_of_the_documentation_and_none_is_required_but_the_id(form, take_picture):
    take_picture(form.dialog, "connection-form")
    form.dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    form.dialog.get_by_text("Check models").wait_for()
    labels = [label.strip() for label in form.dialog.locator("label, legend").all_inner_texts()]
    shown = {label for label in labels if label}
    assert {"Base URL", "API Key", "Port", "Timeout (s)", "Max retries", "Check models"} <= shown
    assert not {"Schema", "Login", "Host", "Password"} & shown
    required = {label.split("\n")[0] for label in shown if "*" in label}
    assert required == {"Connection ID", "Connection Type"}


def test_a_right_key_is_told_to_work_and_may_use_batches(form, groq):
    title, message = form.tried(host=groq.url, password=KEY, port="0")
    assert title == "Test Connection Successful"
    assert message == "Groq knows the key and offers 6 models, and the key can use batches."


def test_a_wrong_key_is_told(form, groq):
    title, message = form.tried(host=groq.url, password="gsk_a_wrong_key", port="0")
    assert title == "Test Connection Failed"
    assert "401 invalid_api_key: Invalid API Key. Check the API key (password) of this connection." in message


def test_a_plan_without_batches_is_told(form, groq):
    groq.set(plan_has_batch=False)
    try:
        title, message = form.tried(host=groq.url, password=KEY, port="0")
    finally:
        groq.reset()
    assert title == "Test Connection Failed"
    assert message.startswith("Groq knows the key and offers 6 models, but the key is not allowed to use batches.")
    assert "not_available_for_plan" in message


def test_a_dead_host_is_told(form, dead_host):
    title, message = form.tried(host=dead_host, password=KEY, port="0")
    assert title == "Test Connection Failed"
    assert message.startswith("GET /models could not be sent: ConnectError")


def test_what_a_server_says_is_text_and_no_page(form, groq):
    groq.fault("/models", status=401, json={"error": {"message": MARKUP, "type": "t"}}, times=None)
    try:
        title, message = form.tried(host=groq.url, password=KEY, port="0")
    finally:
        groq.reset()
    assert title == "Test Connection Failed"
    assert MARKUP in message
    assert form.page.title() != "taken over"
    assert form.page.locator("img[src='x']").count() == 0


def test_without_a_port_airflows_button_asks_nobody(form, groq):
    """Why the form shows the port: as the documentation says, Airflow 3.3.2 refuses to test what has none."""
    groq.clear_requests()
    assert form.tried(host=groq.url, password=KEY) == ("Test Connection Failed", "Bad Request")
    assert groq.requests() == []
