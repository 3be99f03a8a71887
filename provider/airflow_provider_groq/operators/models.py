"""Whether the models that requests name are those that the key may use, asked before anything is uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_groq.api import calls
from airflow_provider_groq.batches.availability import unavailable
from airflow_provider_groq.exceptions import GroqAuthenticationError, GroqError, GroqInputError
from airflow_provider_groq.hooks.groq import GroqHook

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


def check_models(operator: BaseOperator, hook: GroqHook, named: Mapping[str, Mapping[str, int]]) -> None:
    """Compare the models of requests with those that the key may use.

    Args:
        operator: Whose log is written to.
        hook: Groq.
        named: Where models are named, such as ``line``; and there, for each model, the number of the first.

    Raises:
        GroqInputError: Groq does not have one of them. On another server this is a warning: not all of them list
            what they have.
    """
    client = hook.get_conn()
    if not client.settings.check_models or not any(named.values()):
        return
    try:
        models = client.send(calls.list_models(), max_retries=1).data
    except GroqAuthenticationError:
        raise
    except GroqError as error:
        operator.log.warning("The models of the input could not be checked; continuing without the check: %s", error)
        return
    available = {model.id for model in models}
    wrong = [found for word, first in named.items() if (found := unavailable(first, available, word=word))]
    if not wrong:
        return
    told = "; ".join(words for words, _ in wrong)
    if client.settings.is_groq:
        raise GroqInputError(
            f"The input names models that the key is not allowed to use: {told}. Nothing was uploaded. "
            '"check_models": false in the connection\'s extra turns this check off.',
            line=wrong[0][1],
        )
    operator.log.warning(
        "The server does not list models that the input names: %s. Continuing, because it may have them.", told
    )
