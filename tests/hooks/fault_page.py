"""Makes docs/reference/faults.md of the fault table: `make faults`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hooks.fault_calls import ENDPOINTS, Endpoint
from hooks.fault_table import ATTEMPTS, DEFAULTS, DIFFERENCES, FAULTS, GRACE, Difference, Fault

from airflow_provider_groq.api import retry
from airflow_provider_groq.api.settings import LONGEST_CONNECTING

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"

ORDINARY, CREATION = ENDPOINTS[-1], next(endpoint for endpoint in ENDPOINTS if endpoint.creates)
SHOWN_CALL = "GET /batches/batch_01m8…"
CAUSE = re.compile(r"\d{3}: [\w ]+\.$|(?<=sent: |onse: ).*")

TEMPLATE = """\
# Faults

<!-- Made by `make faults` of tests/hooks/fault_table.py. A test makes each of these faults happen with each call. -->

Look up what can go wrong between Airflow and Groq, what the client does about it, how long that takes, and what the
error says. This applies to each call of [`GroqHook`](api.md#hook) to Groq, and so to the operators and the sensor.

The times are for the [default settings](connection.md#fields): `max_retries` {retries}, `timeout` {timeout} s, and
{connecting} s for connecting to each address of the host. "As a rule" is the time until the error if the server
answers at once, "at most" the time if every attempt waits until its timeout. A response that arrives slowly is given
up twice the timeout after its headers. A file may take as long as its bytes keep arriving.

## Every call but the creation of a batch

{ordinary}

"Retried" means: by Airflow, if the task has retries left. The pauses between the client's attempts are {first:g} s,
then twice as long each time, up to {longest:g} s, each shortened at random to no less than half. During a wait each
poll is one attempt: see [How often it polls](trigger.md#how-often-it-polls).

## The creation of a batch

`POST /batches` costs money. If it may have taken effect, the hook raises a
[`GroqLostAnswerError`](errors.md#no-answer-or-a-wrong-one), and the create operator
[searches for the batch](../explanation/pay-once.md#how-a-try-finds-its-batch) before it retries.

{creation}

## What is not found

The hook does not retry a 404. Operators and waits do, every 2 s for half a minute, because Groq may not find a new
batch, its input file or its results at once. So a wrong id fails after {grace}. A response for many batches omits
those not found.

## Exceptions for single calls

{differences}

## What the error says

{said}

A `GroqLostAnswerError` quotes the cause: "The response to POST /batches was lost (POST /batches returned 500:
Internal error.), so the batch may exist. …"
"""


def page() -> str:
    """The whole page."""
    return TEMPLATE.format(
        ordinary=_ordinary(),
        creation=_creation(),
        differences=_table(["call", "what goes wrong", "what is different"], map(_differing, DIFFERENCES)),
        said=_table(["what goes wrong", "text"], _said_once()),
        retries=DEFAULTS.max_retries,
        timeout=f"{DEFAULTS.timeout:g}",
        connecting=f"{LONGEST_CONNECTING:g}",
        first=retry.FIRST_DELAY,
        longest=retry.LONGEST_DELAY,
        grace=_seconds(GRACE),
    )


def _ordinary() -> str:
    rows = (
        [
            fault.name,
            _sent_again(fault, ORDINARY),
            _seconds(fault.as_a_rule(fault.attempts(ORDINARY))),
            _seconds(fault.at_most(fault.attempts(ORDINARY))),
            f"`{fault.error.__name__}`",
            "yes" if fault.again else "no",
        ]
        for fault in FAULTS
    )
    header = ["what goes wrong", "retries of the client", "as a rule", "at most", "then", "retried"]
    return _table(header, _together(rows))


def _creation() -> str:
    rows = (
        [
            fault.name,
            "no" if fault.refusal else "perhaps",
            _sent_again(fault, CREATION),
            _seconds(fault.at_most(fault.attempts(CREATION))),
            f"`{fault.error.__name__}`" if fault.refusal else "`GroqLostAnswerError`",
            _of_the_operator(fault),
        ]
        for fault in FAULTS
    )
    header = [
        "what goes wrong",
        "a batch may exist",
        "retries of the client",
        "at most",
        "the hook raises",
        "the create operator",
    ]
    return _table(header, _together(rows))


def _sent_again(fault: Fault, endpoint: Endpoint) -> str:
    if not fault.is_sent_again(endpoint):
        return "no"
    return f"{ATTEMPTS - 1} times" + (
        f", after Retry-After (up to {retry.LONGEST_RETRY_AFTER:g} s)" if fault.asked else ""
    )


def _of_the_operator(fault: Fault) -> str:
    if not fault.refusal:
        return "searches for the batch before it retries"
    return "raises it; Airflow retries" if fault.again else "retries for half a minute, then fails for good"


def _differing(each: Difference) -> list[str]:
    return [f"`{each.endpoint}`", "; ".join(each.faults), each.says]


def _said_once() -> Iterator[list[str]]:
    """A fault with its text, without those that differ from an earlier one only in the cause that is quoted."""
    forms = set()
    for fault in FAULTS:
        text = fault.said[0]
        form = fault.error, CAUSE.sub("", text)
        if form not in forms:
            forms.add(form)
            shown = text.format(call=SHOWN_CALL, timeout=f"{DEFAULTS.timeout:g}", connecting=f"{LONGEST_CONNECTING:g}")
            yield [fault.name, f"{fault.error.__name__}: {shown}".replace("<", "\\<")]


def _seconds(seconds: float) -> str:
    if not seconds:
        return "at once"
    minutes, rest = divmod(round(seconds + 0.4), 60)
    return " ".join(part for part in (f"{minutes} min" if minutes else "", f"{rest} s" if rest else "") if part)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    first, *rest = [f"| {' | '.join(line)} |" for line in (header, *rows)]
    return "\n".join([first, "|" + "---|" * len(header), *rest])


def _together(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Rows that say the same, but for their first cell, in one."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, *same in rows:
        names.setdefault(tuple(same), []).append(name)
    return [["; ".join(all_of_them), *same] for same, all_of_them in names.items()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
