"""The streams of a region: what they must be, whether they are, and making them so.

LOG keeps every fact for ever: nothing may be deleted, purged, rolled up or expire in it, so it
carries no schedules (allowing them silently makes a stream erasable). TIMERS holds one scheduled
message a case. INBOX holds what partners are to receive. RECENT holds keyed hashes of who called
lately. AUDIT holds signed heads of the logs (ledger/chain.py) and can be erased as little as they.
KEYS holds the wrapped data key of each case; it alone can be erased from, which is how a case's words
are. DLQ keeps what could not be delivered or
digested. Services verify at boot and refuse to run on other settings; `callmesh streams apply`
makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from callmesh.kernel.recent import DAYS, KEPT
from callmesh.kernel.subjects import ADVISORIES, DLQ_PARKED, DLQ_STREAM, Names

_DAY = 86400.0
_CHECKED = ("subjects", "retention", "storage", "deny_delete", "deny_purge", "allow_direct", "max_age")
_CHECKED_IF_WANTED = ("max_msgs_per_subject", "duplicate_window")


@dataclass(frozen=True)
class StreamProblem:
    """A stream that is not as it must be."""

    stream: str
    reason: str

    def __str__(self) -> str:
        return f"stream {self.stream}: {self.reason}; run: callmesh streams apply"


def wanted(names: Names, shards: range, replicas: int) -> list[StreamConfig]:
    """The settings of every stream of a region."""
    logs = [_log(names, shard, replicas) for shard in shards]
    once = (_timers, _inbox, _recent, _audit, _keys, _dlq)
    return [*logs, *(make(names, replicas) for make in once)]


async def apply(js: JetStreamContext, configs: list[StreamConfig]) -> list[str]:
    """Creates or updates; returns the names touched."""
    touched = []
    for config in configs:
        assert config.name
        try:
            held = (await js.stream_info(config.name)).config
            if not _differences(config, held):
                continue
            await js.update_stream(config)
        except NotFoundError:
            await js.add_stream(config)
        touched.append(config.name)
    return touched


async def verify(js: JetStreamContext, configs: list[StreamConfig]) -> list[StreamProblem]:
    """What is wrong, empty when all is well."""
    problems = []
    for config in configs:
        assert config.name
        try:
            held = (await js.stream_info(config.name)).config
        except NotFoundError:
            problems.append(StreamProblem(config.name, "missing"))
            continue
        problems += [StreamProblem(config.name, reason) for reason in _differences(config, held)]
    return problems


def _differences(wanted: StreamConfig, held: StreamConfig) -> list[str]:
    found = []
    for name in _CHECKED:
        want, have = getattr(wanted, name), getattr(held, name)
        if (want or None) != (have or None):
            found.append(f"{name} is {have!r}, must be {want!r}")
    for name in _CHECKED_IF_WANTED:
        want, have = getattr(wanted, name), getattr(held, name)
        if want and want != have:
            found.append(f"{name} is {have!r}, must be {want!r}")
    if (held.num_replicas or 1) < (wanted.num_replicas or 1):
        found.append(f"{held.num_replicas} copies, must be {wanted.num_replicas}")
    for name in ("allow_msg_schedules", "allow_msg_ttl"):
        want, have = bool(getattr(wanted, name)), bool(getattr(held, name))
        if want != have:
            found.append(f"{name} must be {'on' if want else 'off'}")
    if wanted.discard == DiscardPolicy.NEW and held.discard != DiscardPolicy.NEW:
        found.append("it must refuse new messages when full, not drop old ones")
    if not wanted.max_msgs_per_subject and (held.max_msgs_per_subject or 0) > 0:
        found.append(f"it keeps only {held.max_msgs_per_subject} messages a subject, must keep all")
    return found


def _log(names: Names, shard: int, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.log_stream(shard),
        subjects=[names.log_all(shard)],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_direct=True,
        allow_atomic=True,
        duplicate_window=120.0,
        max_age=0,
    )


def _timers(names: Names, replicas: int) -> StreamConfig:
    region = names.region
    return StreamConfig(
        name=names.timers_stream,
        subjects=[f"tm.{region}.>", f"due.{region}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_msgs_per_subject=1,
        allow_direct=True,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
        duplicate_window=120.0,
        max_age=0,
    )


def _inbox(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.inbox_stream,
        subjects=[f"in.{names.region}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
        duplicate_window=120.0,
        max_age=30 * _DAY,
    )


def _audit(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.audit_stream,
        subjects=[f"au.{names.region}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_direct=True,
        duplicate_window=120.0,
        max_age=0,
    )


def _recent(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.recent_stream,
        subjects=[f"rc.{names.region}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
        max_msgs_per_subject=KEPT,
        duplicate_window=120.0,
        max_age=DAYS * _DAY,
    )


def _keys(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.keys_stream,
        subjects=[names.keys_all],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        max_msgs_per_subject=1,
        allow_direct=True,
        duplicate_window=120.0,
        max_age=0,
    )


def _dlq(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=DLQ_STREAM,
        subjects=[*ADVISORIES, f"{DLQ_PARKED}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
        max_age=90 * _DAY,
    )
