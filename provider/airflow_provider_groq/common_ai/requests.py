"""common-ai's requests as the lines of an input file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.common_ai.contract import BatchRequest, LLMBatchInputError
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.body import BodyMaker
from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm
from airflow_provider_groq.jobs.requests.problems import RowProblem
from airflow_provider_groq.jobs.requests.values import encode

CAP = "max_completion_tokens"

MANAGED = {
    "model": "it comes from model_id, or from model in a request",
    "messages": "they come from prompt and system_prompt",
    "max_tokens": "set max_tokens of the operator or request instead",
    CAP: "the operator and each request have max_tokens for it",
    "response_format": "it comes from output_type",
    "stream": "a batch cannot stream",
}
"""Parameters that are made of other arguments. common-ai's other adapters drop them without a word."""


@dataclass(frozen=True)
class Form:
    """What holds for all requests of a batch.

    Attributes:
        model: The model of requests that name none.
        system_prompt: That of requests that have none; "" for none at all.
        max_tokens: The most tokens of an answer to requests that say nothing else.
        params: Parameters of the body.
        response_format: What is said of the form of answers, if anything.
        model_of: Gives the model of a request, by what it says and its index, from 0.
    """

    model: str
    system_prompt: str
    max_tokens: int
    params: Mapping[str, Any] | None
    response_format: Mapping[str, Any] | None
    model_of: Callable[[str | None, int], str]

    def lines(self, requests: Sequence[BatchRequest], key: str) -> Iterator[bytes]:
        """Give the line of each request.

        Args:
            requests: The requests.
            key: What their ``custom_id`` begins with.

        Raises:
            LLMBatchInputError: One of them, or what holds for all, is wrong; names it.
        """
        self._check("request_params", self.params or {})
        try:
            maker = BodyMaker(
                RequestForm(
                    self.model,
                    system_prompt=self.system_prompt or None,
                    params=self.params,
                    response_format=self.response_format,
                )
            )
        except (GroqInputError, RowProblem) as error:
            raise LLMBatchInputError(str(error)) from error
        for index, request in enumerate(requests):
            try:
                yield b'{"custom_id":' + encode(f"{key}-{index}") + maker.rest(CHAT, self._body(maker, request, index))
            except RowProblem as problem:
                raise LLMBatchInputError(f"Request {index}: {problem}.") from problem

    def _body(self, maker: BodyMaker, request: BatchRequest, index: int) -> dict[str, Any]:
        params = cast("Any", request.get("params") or {})
        self._check(f"params of request {index}", params)
        own = {
            **params,
            "model": self.model_of(request.get("model"), index),
            CAP: _number_of_tokens(request.get("max_tokens") or self.max_tokens),
        }
        said = {"prompt": request["prompt"], "system_prompt": request.get("system_prompt") or None, "request": own}
        return maker.body(said)[1]

    def _check(self, where: str, params: Any) -> None:
        if not isinstance(params, Mapping):
            raise LLMBatchInputError(f"{where} must be a dict of parameters of the body, but is {shown(params)}.")
        for name, instead in MANAGED.items():
            if name in params and (name != "response_format" or self.response_format is not None):
                raise LLMBatchInputError(f"{where} has {name!r}, which cannot be set there: {instead}.")


def _number_of_tokens(value: Any) -> int:
    if type(value) is not int or value <= 0:
        raise RowProblem(f"max_tokens is {shown(value)}, but must be a whole number above 0")
    return value
