"""Groq's endpoints: files, batches, models."""

import base64
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from airflow_provider_groq.emulator.access import account_of, find_batch, find_file, state_of
from airflow_provider_groq.emulator.batches import Batch
from airflow_provider_groq.emulator.files import StoredFile
from airflow_provider_groq.emulator.settings import DEFAULT_MODELS
from airflow_provider_groq.emulator.state import State
from airflow_provider_groq.emulator.timeline import TERMINAL
from airflow_provider_groq.emulator.uploads import receive
from airflow_provider_groq.emulator.validation import ENDPOINTS
from airflow_provider_groq.emulator.wire import ApiError, ContentResponse, JsonResponse, read_object

WINDOW = re.compile(r"(\d{1,4})([hd])", re.ASCII)
UNIT_SECONDS = {"h": 3600, "d": 86400}
SHORTEST_WINDOW = 86400
LONGEST_WINDOW = 7 * 86400


async def create_file(request: Request) -> Response:
    """`POST /files`."""
    state, account = state_of(request), account_of(request)
    files = state.files  # those it is to belong to, should there be a reset meanwhile
    file_id, path = files.new_path()
    filename = await receive(request, path, state.settings.max_file_bytes)
    file = files.add(StoredFile(file_id, account, filename, "batch", state.clock.now(), path))
    return JsonResponse(await file.view())


async def list_files(request: Request) -> Response:
    """`GET /files`."""
    state, account = state_of(request), account_of(request)
    for batch in state.newest_batches(account):
        await state.settle(batch, state.clock.now())  # its files are there whether or not anyone looked at it
    data = [await file.view() for file in state.files.newest_first() if file.account == account]
    return JsonResponse({"object": "list", "data": data})


async def show_file(request: Request) -> Response:
    """`GET /files/{id}`."""
    return JsonResponse(await find_file(request, request.path_params["file_id"]).view())


async def delete_file(request: Request) -> Response:
    """`DELETE /files/{id}`."""
    file = find_file(request, request.path_params["file_id"])
    state_of(request).files.delete(file.id)
    return JsonResponse({"id": file.id, "object": "file", "deleted": True})


async def download_file(request: Request) -> Response:
    """`GET /files/{id}/content`."""
    file = find_file(request, request.path_params["file_id"])
    return ContentResponse(await file.written())


async def create_batch(request: Request) -> Response:
    """`POST /batches`."""
    state, account = state_of(request), account_of(request)
    asked = await read_object(request)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(asked.get(name), str) or not asked[name]:
            raise ApiError(400, f"'{name}' is required and must be a string", param=name)
    if asked["endpoint"] not in ENDPOINTS:
        raise ApiError(400, f"endpoint must be one of {', '.join(ENDPOINTS)}", param="endpoint")
    window = _window_seconds(asked["completion_window"])
    metadata = _metadata(asked.get("metadata"))
    file = find_file(request, asked["input_file_id"])
    if file.purpose != "batch":
        raise ApiError(400, f"File {file.id} has purpose '{file.purpose}', not 'batch'", param="input_file_id")
    batch = state.create_batch(account, file, asked["endpoint"], (asked["completion_window"], window), metadata)
    # A batch that takes no time at all is still validating when it is created.
    return JsonResponse(batch.view(batch.plan.created_at - 1, state.settings))


def _window_seconds(text: str) -> float:
    match = WINDOW.fullmatch(text)
    seconds = int(match[1]) * UNIT_SECONDS[match[2]] if match else 0
    if not SHORTEST_WINDOW <= seconds <= LONGEST_WINDOW:
        raise ApiError(400, "completion_window must be a duration from 24h to 7d", param="completion_window")
    return seconds


def _metadata(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ApiError(400, "metadata must be an object whose values are strings", param="metadata")
    return value


async def show_batch(request: Request) -> Response:
    """`GET /batches/{id}`."""
    return JsonResponse(await state_of(request).show(find_batch(request)))


async def cancel_batch(request: Request) -> Response:
    """`POST /batches/{id}/cancel`."""
    batch, state = find_batch(request), state_of(request)
    status = await state.cancel(batch)
    if status in TERMINAL:
        raise ApiError(400, f"Cannot cancel a batch with status '{status}'.")
    return JsonResponse(await state.show(batch))


async def list_batches(request: Request) -> Response:
    """`GET /batches`: some by id, or a page of all."""
    state, account = state_of(request), account_of(request)
    if state.settings.ignore_ids:
        return JsonResponse(await _gateway_page(request, account))
    ids = request.query_params.getlist("id")
    if len(ids) > state.settings.max_ids:
        raise ApiError(400, f"at most {state.settings.max_ids} ids can be given, not {len(ids)}", param="id")
    if ids:
        # Newest first, as in the listing, not as asked; what the account does not have is left out.
        found = [state.batches[batch_id] for batch_id in sorted(set(ids), reverse=True) if batch_id in state.batches]
        batches = [batch for batch in found if batch.account == account]
        return JsonResponse({"object": "list", "data": [await state.show(batch) for batch in batches]})
    cursor = request.query_params.get("cursor")
    page, more = _page(state, account, _batch_before(cursor) if cursor else None, state.settings.page_size)
    paging = {"next_cursor": _cursor(page[-1])} if more else {}
    return JsonResponse({"object": "list", "data": [await state.show(batch) for batch in page], "paging": paging})


def _page(state: State, account: str, after: str | None, size: int) -> tuple[list[Batch], bool]:
    """Return the batches that follow one in the listing, and whether there are more."""
    youngest = state.clock.now() - state.settings.listing_delay
    listed = [batch for batch in state.newest_batches(account) if batch.plan.created_at <= youngest]
    places = {batch.id: place for place, batch in enumerate(listed)}
    if after is not None and after not in places:
        raise ApiError(400, "The cursor is not valid", param="cursor")
    start = 0 if after is None else places[after] + 1
    end = start + max(size, 1)
    return listed[start:end], end < len(listed)


def _cursor(last: Batch) -> str:
    return base64.urlsafe_b64encode(last.id.encode()).decode().rstrip("=")


def _batch_before(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise ApiError(400, "The cursor is not valid", param="cursor") from error


async def _gateway_page(request: Request, account: str) -> dict[str, Any]:
    """Return a page as gateways have it: no `id`, no `cursor`, but `after`, `limit` and `has_more`."""
    state = state_of(request)
    limit = request.query_params.get("limit", "")
    size = int(limit) if limit.isdecimal() else state.settings.page_size
    page, more = _page(state, account, request.query_params.get("after"), size)
    ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {}
    return {"object": "list", "data": [await state.show(batch) for batch in page], "has_more": more, **ends}


async def list_models(request: Request) -> Response:
    """`GET /models`."""
    account_of(request, batch_plan=False)
    data = [
        {
            "id": model,
            "object": "model",
            "created": 1693721698,
            "owned_by": DEFAULT_MODELS.get(model, "Emulator"),
            "active": True,
            "context_window": 448 if "whisper" in model else 131072,
            "public_apps": None,
        }
        for model in state_of(request).settings.models
    ]
    return JsonResponse({"object": "list", "data": data})


API = Mount(
    "/openai/v1",
    routes=[
        Route("/files", create_file, methods=["POST"]),
        Route("/files", list_files, methods=["GET"]),
        Route("/files/{file_id}", show_file, methods=["GET"]),
        Route("/files/{file_id}", delete_file, methods=["DELETE"]),
        Route("/files/{file_id}/content", download_file, methods=["GET"]),
        Route("/batches", create_batch, methods=["POST"]),
        Route("/batches", list_batches, methods=["GET"]),
        Route("/batches/{batch_id}", show_batch, methods=["GET"]),
        Route("/batches/{batch_id}/cancel", cancel_batch, methods=["POST"]),
        Route("/models", list_models, methods=["GET"]),
    ],
)
