"""The streams of a region: what they must be, whether they are, and making them so.

LOG keeps every fact for ever: nothing may be deleted, purged, rolled up or expire in it, so it
carries no schedules (allowing them silently makes a stream erasable). TIMERS holds one scheduled
message a case. INBOX holds what partners are to receive. RECENT holds keyed hashes of who called
lately. AUDIT holds signed heads of the logs (ledger/chain.py) and can be erased as little as they.
KEYS holds the wrapped data key of each case; it alone can be erased from, which is how a case's words
are. BOOKMARKS holds how far each service's readers are. DLQ keeps what could not be delivered or
digested. Services verify at boot and refuse to run on other settings; `callmesh streams apply`
makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

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


def wanted(names: Names, shards: Iterable[int], replicas: int) -> list[StreamConfig]:
    """The settings of every stream of a region."""
    logs = [_log(names, shard, replicas) for shard in shards]
    once = (_timers, _inbox, _recent, _audit, _keys, _bookmarks, _dlq)
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
            await js.update_stream(update(config, held))
        except NotFoundError:
            await js.add_stream(config)
        touched.append(config.name)
    return touched


def update(wanted: StreamConfig, held: StreamConfig) -> StreamConfig:
    """What a stream that differs becomes: with as many copies as it has, or more; fewer are asked of NATS itself."""
    return replace(wanted, num_replicas=max(wanted.num_replicas or 1, held.num_replicas or 1))


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


def _kept(name: str, subjects: list[str], replicas: int, **more: Any) -> StreamConfig:
    """What all have in common: on disk, within limits, read by subject, a message id remembered for two minutes."""
    return StreamConfig(
        name=name,
        subjects=subjects,
        num_replicas=replicas,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        allow_direct=True,
        **{"duplicate_window": 120.0, "max_age": 0} | more,
    )


def _log(names: Names, shard: int, replicas: int) -> StreamConfig:
    return _kept(
        names.log_stream(shard),
        [names.log_all(shard)],
        replicas,
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        deny_purge=True,
        allow_atomic=True,
    )


def _timers(names: Names, replicas: int) -> StreamConfig:
    return _kept(
        names.timers_stream,
        [names.timers_all, names.due_all],
        replicas,
        max_msgs_per_subject=1,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
    )


def _inbox(names: Names, replicas: int) -> StreamConfig:
    return _kept(names.inbox_stream, [names.inbox_all], replicas, max_age=30 * _DAY)


def _audit(names: Names, replicas: int) -> StreamConfig:
    return _kept(
        names.audit_stream,
        [names.audit_all],
        replicas,
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        deny_purge=True,
    )


def _recent(names: Names, replicas: int) -> StreamConfig:
    return _kept(
        names.recent_stream,
        [names.recent_all],
        replicas,
        max_msgs_per_subject=KEPT,
        max_age=DAYS * _DAY,
    )


def _keys(names: Names, replicas: int) -> StreamConfig:
    return _kept(
        names.keys_stream,
        [names.keys_all],
        replicas,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
    )


def _bookmarks(names: Names, replicas: int) -> StreamConfig:
    return _kept(names.bookmarks_stream, [names.bookmarks_all], replicas, max_msgs_per_subject=1)


def _dlq(names: Names, replicas: int) -> StreamConfig:
    return _kept(DLQ_STREAM, [*ADVISORIES, f"{DLQ_PARKED}.>"], replicas, max_age=90 * _DAY)
