"""Who asks, and what they may see: an account is a key."""

from http import HTTPStatus

from starlette.requests import Request

from airflow_provider_groq.emulator.batches import Batch
from airflow_provider_groq.emulator.files import StoredFile
from airflow_provider_groq.emulator.state import State
from airflow_provider_groq.emulator.wire import ApiError


def state_of(request: Request) -> State:
    """Return the emulator's state."""
    state = request.app.state.emulator
    if not isinstance(state, State):
        raise TypeError("the app was built without a state")
    return state


def account_of(request: Request, *, batch_plan: bool = True) -> str:
    """Return the key of a request, which stands for an account.

    Raises:
        ApiError: There is no key, it is wrong, or the account's plan has no batches.
    """
    state = state_of(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or state.api_key not in (None, key):
        raise ApiError(401, "Invalid API Key", "invalid_api_key")
    if batch_plan and not state.settings.plan_has_batch:
        message = "The Batch API is not available for your current plan. Please upgrade to use it."
        raise ApiError(403, message, "not_available_for_plan", kind="permissions_error")
    return key


def _foreign(state: State, message: str) -> ApiError:
    """Return the error for what belongs to another account."""
    if state.settings.foreign_status == HTTPStatus.NOT_FOUND:
        return ApiError(404, message, "not_found")
    return ApiError(state.settings.foreign_status, "You do not have access to this resource.", kind="permissions_error")


def find_file(request: Request, file_id: str) -> StoredFile:
    """Return a file of the request's account.

    Raises:
        ApiError: There is none.
    """
    state, account = state_of(request), account_of(request)
    file = state.files.get(file_id)
    message = f"No such File object: {file_id}"
    if file is None:
        raise ApiError(404, message, "not_found")
    if file.account != account:
        raise _foreign(state, message)
    return file


def find_batch(request: Request) -> Batch:
    """Return the batch that the request's path names.

    Raises:
        ApiError: The account has none.
    """
    state, account = state_of(request), account_of(request)
    batch_id = request.path_params["batch_id"]
    batch = state.batches.get(batch_id)
    message = f"No batch found with id '{batch_id}'."
    if batch is None:
        raise ApiError(404, message, "not_found")
    if batch.account != account:
        raise _foreign(state, message)
    return batch
