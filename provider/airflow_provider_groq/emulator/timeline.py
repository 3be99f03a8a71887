"""The status of a batch: pure functions of its plan, of what was done to it, and of the time.

validating ─┬─> in_progress ─┬─> finalizing ──> completed
            └─> failed       └─> expired
(any of the three running ones) ──> cancelling ──> cancelled
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

TERMINAL = frozenset({"failed", "completed", "expired", "cancelled"})
WITH_RESULTS = frozenset({"completed", "expired", "cancelled"})

STEP_SHARE = 0.1
"""How much of a batch's seconds validating takes, and finalizing again."""
LONGEST_STEP = 60.0
"""The longest that either of them takes (s): a batch of 30 hours is not validated for three."""


@dataclass(frozen=True)
class Plan:
    """The times (Unix seconds) at which a batch left to itself changes.

    It makes steady progress until `working_until`, when `reach` of it is done, from 0 to 1. One that is
    never to complete stops there.
    """

    created_at: float
    in_progress_at: float
    working_until: float
    finalizing_at: float
    completed_at: float
    expires_at: float
    reach: float = 1.0

    def share(self, now: float) -> float:
        """Return how much of the work is done, from 0 to 1."""
        if now >= self.working_until:
            return self.reach
        return self.reach * max(now - self.in_progress_at, 0.0) / (self.working_until - self.in_progress_at)


def plan(created_at: float, window: float, seconds: float) -> Plan:
    """Return the plan of a batch that takes `seconds` and may take `window` (s)."""
    step = min(seconds * STEP_SHARE, LONGEST_STEP)
    done = created_at + seconds - step
    return Plan(created_at, created_at + step, done, done, created_at + seconds, created_at + window)


def unfinished_plan(created_at: float, window: float, seconds: float, reach: float) -> Plan:
    """Return the plan of a batch that after `seconds` gets no further than `reach`."""
    start = created_at + min(seconds * STEP_SHARE, LONGEST_STEP)
    return Plan(created_at, start, created_at + seconds, math.inf, math.inf, created_at + window, reach)


@dataclass(frozen=True)
class Cancel:
    """A batch's cancelling began `at` (Unix seconds) and takes `takes` (s)."""

    at: float
    takes: float


@dataclass(frozen=True)
class Forced:
    """A status set from outside, which stays until it is set again or released.

    Args:
        status: The status, one that Groq has or any other.
        at: When it was set (Unix seconds).
        processed: How many requests were processed; None for as many as the clock says.
        errors: What a failed batch gives as its errors; None for a general one.
    """

    status: str
    at: float
    processed: int | None = None
    errors: list[dict[str, object]] | None = None

    @property
    def failed_midway(self) -> bool:
        """Whether it failed after some requests had been processed."""
        return self.status == "failed" and bool(self.processed)


@dataclass(frozen=True)
class Moment:
    """What a batch is at one moment.

    Args:
        status: Its status.
        share: How much of its work is done, from 0 to 1.
        times: When it entered the stages it has been through (Unix seconds, by Groq's field).
        processed: The number of requests processed, where it was set from outside.
    """

    status: str
    share: float = 0.0
    times: Mapping[str, float] = field(default_factory=dict)
    processed: int | None = None

    @property
    def validated(self) -> bool:
        """Whether the batch has got past the check of its input file."""
        return "in_progress_at" in self.times

    @property
    def has_results(self) -> bool:
        """Whether there are result files, if any request was processed."""
        return self.validated and self.status in (*WITH_RESULTS, "failed")


def moment(plan: Plan, now: float, *, invalid: bool, cancel: Cancel | None, forced: Forced | None) -> Moment:
    """Return what the batch is at `now`; `invalid` says that its input file has errors."""
    if forced is not None:
        return _forced(forced, moment(plan, forced.at, invalid=invalid, cancel=cancel, forced=None))
    if cancel is None or now < cancel.at:
        return _undisturbed(plan, now, invalid=invalid)
    before = _undisturbed(plan, cancel.at, invalid=invalid)
    if before.status in TERMINAL:
        return before
    times = {**before.times, "cancelling_at": cancel.at}
    ended_at = cancel.at + cancel.takes
    if now < ended_at:
        return Moment("cancelling", before.share, times)
    return Moment("cancelled", before.share, {**times, "cancelled_at": ended_at})


def _undisturbed(plan: Plan, now: float, *, invalid: bool) -> Moment:
    if now < plan.in_progress_at:
        return Moment("validating")
    if invalid:
        return Moment("failed", times={"failed_at": plan.in_progress_at})
    times = {"in_progress_at": plan.in_progress_at}
    if plan.expires_at < plan.finalizing_at and now >= plan.expires_at:
        return Moment("expired", plan.share(plan.expires_at), {**times, "expired_at": plan.expires_at})
    if now < plan.finalizing_at:
        return Moment("in_progress", plan.share(now), times)
    times["finalizing_at"] = plan.finalizing_at
    if now < plan.completed_at:
        return Moment("finalizing", 1.0, times)
    return Moment("completed", 1.0, {**times, "completed_at": plan.completed_at})


STAGES = {
    "validating": (),
    "failed": ("failed_at",),
    "in_progress": ("in_progress_at",),
    "finalizing": ("in_progress_at", "finalizing_at"),
    "completed": ("in_progress_at", "finalizing_at", "completed_at"),
    "expired": ("in_progress_at", "expired_at"),
    "cancelling": ("in_progress_at", "cancelling_at"),
    "cancelled": ("in_progress_at", "cancelling_at", "cancelled_at"),
}
"""The times that a batch with this status shows."""


def _forced(forced: Forced, before: Moment) -> Moment:
    stages = STAGES.get(forced.status, tuple(before.times))
    if forced.failed_midway:
        stages = ("in_progress_at", *stages)
    times = {stage: before.times.get(stage, forced.at) for stage in stages}
    share = {"validating": 0.0, "failed": 0.0, "finalizing": 1.0, "completed": 1.0}.get(forced.status, before.share)
    processed = forced.processed if forced.failed_midway or forced.status not in ("validating", "failed") else None
    return Moment(forced.status, share, times, processed)
