"""How the files of a batch are deleted from Groq when the task has no more use for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError
from airflow_provider_groq.hooks.groq import GroqHook

DELETIONS_AT_ONCE = 8


def delete_files(hook: GroqHook, *file_ids: str | None) -> None:
    """Delete files, many at once; a file that cannot be deleted does not fail the task."""
    ids = list(dict.fromkeys(filter(None, file_ids)))
    if not ids:
        return
    hook.get_conn()  # made once, before threads share it

    def delete(file_id: str) -> bool:
        try:
            hook.delete_file(file_id)
        except GroqNotFoundError:
            hook.log.info("File %s was already deleted.", file_id)
        except GroqError as error:
            hook.log.warning("File %s could not be deleted and stays at Groq for up to 30 days: %s", file_id, error)
            return False
        return True

    with ThreadPoolExecutor(DELETIONS_AT_ONCE) as pool:
        deleted = sum(pool.map(delete, ids))
    hook.log.info("Deleted %s from Groq.", f"file {ids[0]}" if len(ids) == 1 else f"{deleted:,} files")
