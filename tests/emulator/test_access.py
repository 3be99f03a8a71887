"""Keys, plans, other people's things, and addresses that are nothing."""

import httpx
import pytest

from airflow_provider_groq.emulator import GroqEmulator

INVALID_KEY = {"error": {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic gsk_test", "gsk_test"])
def test_no_call_is_answered_without_a_key(groq_emulator, header):
    headers = {} if header is None else {"Authorization": header}
    calls = [
        ("GET", "/models"),
        ("GET", "/files"),
        ("POST", "/files"),
        ("GET", "/files/file_01"),
        ("GET", "/files/file_01/content"),
        ("DELETE", "/files/file_01"),
        ("GET", "/batches"),
        ("POST", "/batches"),
        ("GET", "/batches/batch_01"),
        ("POST", "/batches/batch_01/cancel"),
    ]
    with httpx.Client(base_url=f"{groq_emulator.url}/openai/v1", headers=headers, trust_env=False) as client:
        for method, path in calls:
            answer = client.request(method, path)
            assert (answer.status_code, answer.json()) == (401, INVALID_KEY), path


def test_any_key_is_good_unless_one_is_given():
    with GroqEmulator(api_key="gsk_right") as emulator:
        for key, status in (("gsk_right", 200), ("gsk_wrong", 401)):
            answer = httpx.get(
                f"{emulator.url}/openai/v1/models", headers={"Authorization": f"Bearer {key}"}, trust_env=False
            )
            assert answer.status_code == status


def test_a_large_upload_with_a_wrong_key_is_answered_with_401(groq_emulator):
    with httpx.Client(trust_env=False) as client:
        files = {"file": ("input.jsonl", b"x" * 5_000_000)}
        answer = client.post(f"{groq_emulator.url}/openai/v1/files", data={"purpose": "batch"}, files=files)
        assert answer.status_code == 401
        # The connection is in order afterwards.
        assert client.get(f"{groq_emulator.url}/openai/v1/models").status_code == 401


def test_a_plan_without_batches_gets_403_for_files_and_batches_but_may_list_models(groq_emulator, account):
    groq_emulator.set(plan_has_batch=False)
    for answer in (account.upload(b"{}"), account.http.get("/batches"), account.create("file_01")):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "not_available_for_plan"
    assert account.http.get("/models").status_code == 200


def test_what_one_account_made_is_not_there_for_another(account, other_account):
    batch = account.finish()
    file_id = batch["input_file_id"]
    for method, path in (
        ("GET", f"/batches/{batch['id']}"),
        ("POST", f"/batches/{batch['id']}/cancel"),
        ("GET", f"/files/{file_id}"),
        ("GET", f"/files/{file_id}/content"),
        ("DELETE", f"/files/{file_id}"),
        ("GET", f"/files/{batch['output_file_id']}/content"),
    ):
        answer = other_account.http.request(method, path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert other_account.create(file_id).status_code == 404
    assert other_account.http.get("/batches").json()["data"] == []
    assert other_account.http.get("/batches", params={"id": batch["id"]}).json()["data"] == []
    assert other_account.http.get("/files").json()["data"] == []


def test_another_accounts_batch_can_be_answered_with_403(groq_emulator, account, other_account):
    groq_emulator.set(foreign_status=403)
    batch = account.submit()
    answer = other_account.http.get(f"/batches/{batch['id']}")
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permissions_error"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("PUT", "/batches"), ("GET", "/files/a/b")])
def test_an_unknown_address_is_answered_as_groq_does(account, method, path):
    answer = account.http.request(method, path)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "unknown_url"
    assert error["message"].startswith(f"Unknown request URL: {method} /openai/v1{path}.")


def test_models_are_listed(account):
    listed = account.http.get("/models").json()
    assert listed["object"] == "list"
    ids = {model["id"] for model in listed["data"]}
    assert {"openai/gpt-oss-20b", "openai/gpt-oss-120b", "whisper-large-v3"} <= ids
    assert all(model["object"] == "model" and model["active"] for model in listed["data"])
