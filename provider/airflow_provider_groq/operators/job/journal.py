"""What is written down about the batches of a round, in the work folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_groq.batches.identity import Claim
from airflow_provider_groq.jobs.attempt import Attempt
from airflow_provider_groq.jobs.seals import Stop
from airflow_provider_groq.jobs.spools.shards import Shard
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.submission.journal import Entry


class RoundJournal:
    """A `Journal` of the batches of one round: a file in the work folder, which every try of the job reads.

    Args:
        round_: The round.

    Attributes:
        legible: It always is: what cannot be read ends the try.
    """

    legible = True

    def __init__(self, round_: Round) -> None:
        self._job = round_.job
        self._folder = round_.folder
        self._round = round_
        with self._job.in_work():
            self._record = self._folder.record(round_.number)

    @property
    def stopped_at(self) -> float | None:
        """When the round was given up and cancelled, as Unix time."""
        return self._record.stopped_at

    @property
    def canary_passed(self) -> bool:
        """Whether the shards that follow the canary may be sent."""
        return self._record.canary_passed_at is not None

    @property
    def deadline(self) -> float:
        """When the round is given up, as Unix time; a canary and the shards that follow it have the same time each."""
        passed_at, seal = self._record.canary_passed_at, self._round.seal
        if passed_at is None or seal.seconds is None:
            return seal.deadline
        return max(seal.deadline, passed_at + seal.seconds)  # a clear gives a later one

    @property
    def why_stopped(self) -> Stop | None:
        """Why the job sends no more after this round; None if it continues, or was cleared since."""
        stop = self._record.stop
        return stop if stop is not None and stop.generation == self._job.generation else None

    def attempt(self, shard: Shard) -> int:
        """Which attempt at a shard is the present one, from 1."""
        return self._record.attempts.get(shard.number, 1)

    def claim(self, shard: Shard) -> Claim:
        """What the present attempt at a shard has a right to one batch of."""
        attempt = Attempt(self._folder.path.name, self._round.number, self.attempt(shard))
        return Claim(self._job.this.identity, shard.digest, str(attempt))

    def batch_id(self, shard: Shard) -> str | None:
        """The one batch of a shard, if it is known."""
        return self._record.entries.get(self.claim(shard).attempt, {}).get(shard.digest, {}).get("batch_id")

    def is_sent(self, shard: Shard) -> bool:
        """Whether a batch of a shard was made, which may have a double."""
        entry = self._record.entries.get(self.claim(shard).attempt, {}).get(shard.digest, {})
        return bool(entry.get("batch_id") or entry.get("made_id"))

    def batch_ids(self) -> list[str]:
        """The batches of all shards that have one."""
        return [batch_id for shard in self._round.seal.shards if (batch_id := self.batch_id(shard))]

    def all_ids(self) -> list[str]:
        """The batches of all attempts."""
        made = (entry for entries in self._record.entries.values() for entry in entries.values())
        return [batch_id for entry in made if (batch_id := entry.get("batch_id") or entry.get("made_id"))]

    def read(self, claims: Sequence[Claim]) -> Mapping[Claim, Entry]:
        """The last entry of each of these claims."""
        entries = self._record.entries
        return {claim: entry for claim in claims if (entry := entries.get(claim.attempt, {}).get(claim.input_digest))}

    def record(self, entries: Mapping[Claim, Entry]) -> bool:
        """Replace the entries of some claims; see `Journal`."""
        for claim, entry in entries.items():
            self._record.entries.setdefault(claim.attempt, {})[claim.input_digest] = dict(entry)
        if entries:
            self._write()
        return self._job.fence()

    def try_again(self, shards: Iterable[Shard]) -> None:
        """The next batch of these shards is another attempt."""
        for shard in shards:
            self._record.attempts[shard.number] = self.attempt(shard) + 1
        self._write()

    def let_canary_pass(self, at: float) -> None:
        """The shards that follow the canary may be sent from this time on (Unix time)."""
        self._record.canary_passed_at = at
        self._write()

    def stop(self, at: float, why: Stop | None = None) -> None:
        """The round is given up from this time on (Unix time)."""
        self._record.stopped_at = at
        self._record.stop = why or self._record.stop
        self._write()

    def stop_after(self, why: Stop) -> None:
        """The job sends no more after this round, which has ended."""
        self._record.stop = why
        self._write()

    def _write(self) -> None:
        with self._job.in_work():
            self._folder.write_record(self._round.number, self._record)
