"""The control endpoints under `/_emulator`: what tests do to the emulator from outside its process."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from airflow_provider_groq.emulator.access import state_of
from airflow_provider_groq.emulator.batches import Batch
from airflow_provider_groq.emulator.timeline import Forced
from airflow_provider_groq.emulator.wire import ApiError, ContentResponse, JsonResponse, read_object

MAX_SETTINGS_BYTES = 1 << 28
"""Room for an answer to each request of a large batch."""

Endpoint = Callable[[Request], Awaitable[Response]]


def _refusing(endpoint: Endpoint) -> Endpoint:
    """Turn a ValueError into a 400: the caller asked for something that makes no sense."""

    async def wrapped(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValueError as error:
            raise ApiError(400, str(error)) from error

    return wrapped


def _number(asked: dict[str, Any], name: str) -> float:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiError(400, f"{name!r} must be a number, not {value!r}")
    return value


async def reset(request: Request) -> Response:
    """`POST /reset`: forget everything."""
    state_of(request).reset()
    return JsonResponse({})


async def show_clock(request: Request) -> Response:
    """`GET /clock`."""
    clock = state_of(request).clock
    return JsonResponse({"now": clock.now(), "offset": clock.offset, "speed": clock.speed})


async def advance_clock(request: Request) -> Response:
    """`POST /clock`: `{"advance": seconds}`."""
    state_of(request).clock.advance(_number(await read_object(request), "advance"))
    return await show_clock(request)


async def show_settings(request: Request) -> Response:
    """`GET /settings`."""
    return JsonResponse(state_of(request).settings.as_dict())


async def change_settings(request: Request) -> Response:
    """`PATCH /settings`: the settings to change, by name."""
    state = state_of(request)
    state.change_settings(await read_object(request, MAX_SETTINGS_BYTES))
    return await show_settings(request)


async def show_requests(request: Request) -> Response:
    """`GET /requests`: the log, oldest first."""
    return JsonResponse([asdict(entry) for entry in state_of(request).log])


async def clear_requests(request: Request) -> Response:
    """`DELETE /requests`."""
    state_of(request).log.clear()
    return JsonResponse({})


async def show_faults(request: Request) -> Response:
    """`GET /faults`."""
    return JsonResponse(state_of(request).faults.as_dicts())


async def add_fault(request: Request) -> Response:
    """`POST /faults`: script a fault."""
    state = state_of(request)
    fault = state.faults.add(await read_object(request), state.clock.now())
    return JsonResponse(asdict(fault))


async def clear_faults(request: Request) -> Response:
    """`DELETE /faults`."""
    state_of(request).faults.clear()
    return JsonResponse({})


async def remove_fault(request: Request) -> Response:
    """`DELETE /faults/{id}`."""
    fault_id = request.path_params["fault_id"]
    if not state_of(request).faults.remove(fault_id):
        raise ApiError(404, f"no fault has the id {fault_id}")
    return JsonResponse({})


def _batch(request: Request) -> Batch:
    batch = state_of(request).batches.get(request.path_params["batch_id"])
    if batch is None:
        raise ApiError(404, f"no account has a batch {request.path_params['batch_id']}")
    return batch


async def show_batches(request: Request) -> Response:
    """`GET /batches`: those of all accounts, oldest first, each with its `account`."""
    state = state_of(request)
    batches = reversed(state.newest_batches())
    return JsonResponse([{**await state.show(batch), "account": batch.account} for batch in batches])


async def force_status(request: Request) -> Response:
    """`POST /batches/{id}/status`: `{"status", "processed", "errors"}`; status null releases the batch."""
    state, batch = state_of(request), _batch(request)
    asked = await read_object(request)
    status, processed, errors = (asked.get(name) for name in ("status", "processed", "errors"))
    if status is None:
        await state.force(batch, None)
        return JsonResponse(await state.show(batch))
    if not isinstance(status, str):
        raise ApiError(400, f"status must be text or null, not {status!r}")
    if processed is not None and (not isinstance(processed, int) or processed < 0):
        raise ApiError(400, f"processed must be a number of requests or null, not {processed!r}")
    if errors is not None and not isinstance(errors, list):
        raise ApiError(400, f"errors must be a list or null, not {errors!r}")
    await state.force(batch, Forced(status, state.clock.now(), processed, errors))
    return JsonResponse(await state.show(batch))


async def show_files(request: Request) -> Response:
    """`GET /files`: those of all accounts, oldest first, each with its `account`."""
    state = state_of(request)
    for batch in state.newest_batches():
        await state.settle(batch, state.clock.now())
    files = reversed(list(state.files.newest_first()))
    return JsonResponse([{**await file.view(), "account": file.account} for file in files])


async def file_content(request: Request) -> Response:
    """`GET /files/{id}/content`: the bytes of any account's file."""
    file = state_of(request).files.get(request.path_params["file_id"])
    if file is None:
        raise ApiError(404, f"no account has a file {request.path_params['file_id']}")
    return ContentResponse(await file.written())


CONTROL = Mount(
    "/_emulator",
    routes=[
        Route(path, _refusing(endpoint), methods=[method])
        for method, path, endpoint in (
            ("POST", "/reset", reset),
            ("GET", "/clock", show_clock),
            ("POST", "/clock", advance_clock),
            ("GET", "/settings", show_settings),
            ("PATCH", "/settings", change_settings),
            ("GET", "/requests", show_requests),
            ("DELETE", "/requests", clear_requests),
            ("GET", "/faults", show_faults),
            ("POST", "/faults", add_fault),
            ("DELETE", "/faults", clear_faults),
            ("DELETE", "/faults/{fault_id:int}", remove_fault),
            ("GET", "/batches", show_batches),
            ("POST", "/batches/{batch_id}/status", force_status),
            ("GET", "/files", show_files),
            ("GET", "/files/{file_id}/content", file_content),
        )
    ],
)
