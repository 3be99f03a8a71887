"""What common-ai asks of an adapter. The only place that imports common-ai."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PACKAGE = "apache-airflow-providers-common-ai"


def _installed() -> str:
    try:
        return f"{version(PACKAGE)} is installed"
    except PackageNotFoundError:
        return "it is not installed"


try:
    from airflow.providers.common.ai.batch.base import (
        BatchAdapter,
        BatchRequest,
        BatchState,
        BatchStatus,
        ExtractedOutput,
        RawResultItem,
        SubmitResult,
    )
    from airflow.providers.common.ai.batch.output_schema import OutputSpec
    from airflow.providers.common.ai.exceptions import (
        LLMBatchInputError,
        LLMBatchLimitExceededError,
        LLMBatchOutputTypeError,
    )
except ImportError as error:
    raise ImportError(
        f"GroqBatchAdapter needs {PACKAGE} 0.10 or later, with its batch operators ({_installed()}: {error}). "
        "Install it: pip install 'airflow-provider-groq[common-ai]'. The operators of airflow-provider-groq itself "
        "do not need it."
    ) from error

__all__ = [
    "BatchAdapter",
    "BatchRequest",
    "BatchState",
    "BatchStatus",
    "ExtractedOutput",
    "LLMBatchInputError",
    "LLMBatchLimitExceededError",
    "LLMBatchOutputTypeError",
    "OutputSpec",
    "RawResultItem",
    "SubmitResult",
]
