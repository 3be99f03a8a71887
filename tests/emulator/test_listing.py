"""`GET /batches`: by id, page by page, and as gateways have it."""

import pytest


@pytest.fixture
def batches(account):
    """Seven batches, newest first, as the listing has them."""
    file_id = account.submit()["input_file_id"]
    for _ in range(6):
        account.create(file_id)
    return account.http.get("/batches").json()["data"]


def test_batches_are_listed_newest_first(batches, account):
    listed = account.http.get("/batches").json()
    assert listed["object"] == "list"
    assert listed["data"] == batches
    assert len({batch["id"] for batch in batches}) == 7
    assert "next_cursor" not in listed["paging"]


def pages(account):
    cursor = {}
    while True:
        page = account.http.get("/batches", params=cursor).json()
        yield page["data"]
        if "next_cursor" not in page["paging"]:
            return
        cursor = {"cursor": page["paging"]["next_cursor"]}


@pytest.mark.parametrize(("size", "sizes"), [(3, [3, 3, 1]), (7, [7]), (6, [6, 1]), (1, [1] * 7), (100, [7])])
def test_a_cursor_leads_to_the_next_page(groq_emulator, account, batches, size, sizes):
    groq_emulator.set(page_size=size)
    listed = list(pages(account))
    assert [len(page) for page in listed] == sizes
    assert [batch["id"] for page in listed for batch in page] == [batch["id"] for batch in batches]


def test_batches_made_meanwhile_do_not_shift_the_pages(groq_emulator, account, batches):
    groq_emulator.set(page_size=3)
    listing = pages(account)
    seen = next(listing)
    account.submit()
    seen += [batch for page in listing for batch in page]
    assert [batch["id"] for batch in seen] == [batch["id"] for batch in batches]


@pytest.mark.parametrize("cursor", ["nonsense", "é", "YmF0Y2hfMDFub3RoaW5n"])
def test_a_wrong_cursor_is_refused(account, cursor):
    answer = account.http.get("/batches", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "cursor")


def test_an_empty_listing(account):
    assert account.http.get("/batches").json() == {"object": "list", "data": [], "paging": {}}


def test_batches_are_retrieved_by_id_each_once_and_only_those_that_are_there(account, batches):
    wanted = [batches[4]["id"], batches[1]["id"], batches[4]["id"], "batch_01nothing"]
    listed = account.http.get("/batches", params={"id": wanted}).json()
    assert listed == {"object": "list", "data": [batches[1], batches[4]]}


def test_up_to_200_ids_can_be_asked_for(account, batches):
    ids = [batches[0]["id"], *(f"batch_01{number:024}" for number in range(199))]
    listed = account.http.get("/batches", params={"id": ids})
    assert [batch["id"] for batch in listed.json()["data"]] == [batches[0]["id"]]
    for more in (1, 1000):
        answer = account.http.get("/batches", params={"id": [*ids, *["batch_01"] * more]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "id")


def test_200_batches_are_shown_as_they_are(groq_emulator, account):
    groq_emulator.set(seconds=5)
    file_id = account.submit()["input_file_id"]
    ids = [account.create(file_id).json()["id"] for _ in range(200)]
    groq_emulator.advance(10)
    listed = account.http.get("/batches", params={"id": ids}).json()["data"]
    assert {batch["id"] for batch in listed} == set(ids)
    assert {batch["status"] for batch in listed} == {"completed"}
    assert len({batch["output_file_id"] for batch in listed}) == 200


def test_a_gateway_ignores_ids_and_cursors_and_pages_by_after(groq_emulator, account, batches):
    groq_emulator.set(ignore_ids=True, page_size=3)
    ids = [batch["id"] for batch in batches]
    first = account.http.get("/batches", params={"id": ids[5], "cursor": "nonsense"}).json()
    assert [batch["id"] for batch in first["data"]] == ids[:3]
    assert (first["first_id"], first["last_id"], first["has_more"]) == (ids[0], ids[2], True)
    assert "paging" not in first
    assert None not in first["data"][0].values()
    last = account.http.get("/batches", params={"after": ids[2], "limit": 10}).json()
    assert [batch["id"] for batch in last["data"]] == ids[3:]
    assert last["has_more"] is False


def test_a_gateway_with_nothing_to_list(groq_emulator, account):
    groq_emulator.set(ignore_ids=True)
    assert account.http.get("/batches").json() == {"object": "list", "data": [], "has_more": False}


def test_null_keys_can_be_left_out_and_absent_ids_be_empty(groq_emulator, account):
    batch = account.submit()
    groq_emulator.set(omit_nulls=True)
    shown = account.batch(batch["id"])
    assert shown["status"] == "validating"
    assert "output_file_id" not in shown
    assert "errors" not in shown
    groq_emulator.set(omit_nulls=False, blank_ids=True)
    shown = account.batch(batch["id"])
    assert (shown["output_file_id"], shown["error_file_id"]) == ("", "")


def test_metadata_can_be_dropped(groq_emulator, account):
    groq_emulator.set(drop_metadata=True)
    batch = account.submit(metadata={"a": "b"})
    assert batch["metadata"] is None
    groq_emulator.set(drop_metadata=False)
    assert account.batch(batch["id"])["metadata"] == {"a": "b"}


def test_a_new_batch_can_be_late_in_the_listing(groq_emulator, account):
    groq_emulator.set(listing_delay=60)
    batch = account.submit()
    assert account.http.get("/batches").json()["data"] == []
    assert account.http.get(f"/batches/{batch['id']}").status_code == 200
    groq_emulator.advance(60)
    assert [listed["id"] for listed in account.http.get("/batches").json()["data"]] == [batch["id"]]
