"""``@task.groq_batch``: a task from a function that returns rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from airflow_provider_groq.compat import determine_kwargs
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
from airflow_provider_groq.storage.inline import InlineRequests

if TYPE_CHECKING:
    from airflow.sdk import Context


class GroqBatchDecoratedOperator(DecoratedOperator, GroqBatchInferenceOperator):
    """`GroqBatchInferenceOperator`, with the rows of a function.

    Args:
        python_callable: The function. It returns an iterable of rows, or yields them.
        op_args: Its positional arguments.
        op_kwargs: Its keyword arguments.
        kwargs: What the operator takes, other than ``rows`` and ``input_path``.

    Raises:
        GroqInputError: An argument is wrong, or the function is ``async``.
    """

    custom_operator_name = "@task.groq_batch"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in GroqBatchInferenceOperator.template_fields if name not in {"rows", "input_path"}),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **GroqBatchInferenceOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        given = sorted({"rows", "input_path"} & set(kwargs))
        if given:
            raise GroqInputError(f"@task.groq_batch takes no {given[0]}: the function returns the rows.")
        if inspect.iscoroutinefunction(python_callable) or inspect.isasyncgenfunction(python_callable):
            raise GroqInputError(
                f"{python_callable.__name__} is async, but rows are read synchronously: define it with def."
            )
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, rows=python_callable, **kwargs
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """Get an answer for each row of the function. Calls the function in the first try and after a clear."""

        def rows() -> Any:
            kwargs = determine_kwargs(self.python_callable, self.op_args, {**context, **self.op_kwargs})
            return self.python_callable(*self.op_args, **kwargs)

        self.rows = InlineRequests(rows, argument="rows")
        return GroqBatchInferenceOperator.execute(self, context)


def groq_batch_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Create a task from a function that returns or yields rows: Groq answers each row.

    Args:
        python_callable: The function.
        kwargs: What `GroqBatchInferenceOperator` takes, other than ``rows`` and ``input_path``.
    """
    # A "-> dict" would make it several XComs.
    kwargs.setdefault("multiple_outputs", False)
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=GroqBatchDecoratedOperator, **kwargs
    )
