"""How the files of a batch are deleted from Groq when the task has no more use for them."""

from __future__ import annotations

from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError
from airflow_provider_groq.hooks.groq import GroqHook


def delete_files(hook: GroqHook, *file_ids: str | None) -> None:
    """Delete files; that one of them cannot be deleted is no reason to fail."""
    for file_id in filter(None, file_ids):
        try:
            hook.delete_file(file_id)
        except GroqNotFoundError:
            hook.log.info("File %s is deleted already.", file_id)
        except GroqError as error:
            hook.log.warning("File %s could not be deleted, and stays at Groq for up to 30 days: %s", file_id, error)
        else:
            hook.log.info("Deleted file %s.", file_id)
