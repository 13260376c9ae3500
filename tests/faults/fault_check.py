"""The checker: reads the whole log through JetStream and counts what must hold after any fault (`check_log`).

It knows the stored form, unsealed with the mesh's own keys, and the pure domain, nothing of the services: a case is
replayed with `evolve` and must equal what stands beside each fact; transitions are held against a table of their own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig
from sqlalchemy import create_engine

from callmesh.api.v1 import case_pb2
from callmesh.cli.endpoints import jetstream
from callmesh.cli.mesh import LocalMesh
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Case
from callmesh.domain.evolve import evolve
from callmesh.domain.watch import missed as running
from callmesh.domain.words import CaseState as C
from callmesh.domain.words import Limit
from callmesh.domain.words import ReferralState as R
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.config import Settings
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import open_vault
from callmesh.ledger.record import case_of, command_key, fact_of
from callmesh.ledger.sealing import unseal
from callmesh.tracking.digest import digest
from callmesh.tracking.rebuild import rebuild
from support.waiting import until

NAMES = Names("r1")
_CASE_MOVES = {
    C.RECEIVED: {C.RECEIVED, C.CLASSIFIED, C.REFERRED, C.ANSWERED, C.REJECTED, C.CANCELLED, C.MERGED},
    C.CLASSIFIED: {C.CLASSIFIED, C.REFERRED, C.ANSWERED, C.REJECTED, C.CANCELLED, C.MERGED},
    C.REFERRED: {C.REFERRED, C.CLASSIFIED, C.RECEIVED, C.DISPUTED, C.FOLLOW_UP, C.CANCELLED, C.MERGED},
    C.DISPUTED: {C.DISPUTED, C.CLASSIFIED, C.RECEIVED, C.REFERRED, C.FOLLOW_UP, C.CANCELLED},
    C.MERGED: {C.MERGED, C.CLOSED, C.CLASSIFIED, C.RECEIVED, C.REFERRED},
    C.FOLLOW_UP: {C.FOLLOW_UP, C.CLOSED, C.REFERRED},
    C.CLOSED: {C.CLOSED, C.REFERRED},
}
_REFERRAL_MOVES = {
    R.OFFERED: {R.OFFERED, R.ACCEPTED, R.RETURN_REQUESTED, R.RETURNED, R.RECALLED, R.WAIVED},
    R.ACCEPTED: {
        *(R.ACCEPTED, R.IN_PROGRESS, R.SUSPENDED, R.RETURN_REQUESTED, R.RETURNED),
        *(R.RESOLVED, R.RECALLED, R.WAIVED),
    },
    R.IN_PROGRESS: {R.IN_PROGRESS, R.SUSPENDED, R.RETURN_REQUESTED, R.RETURNED, R.RESOLVED, R.RECALLED, R.WAIVED},
    R.SUSPENDED: {R.SUSPENDED, R.ACCEPTED, R.IN_PROGRESS, R.RECALLED, R.WAIVED},
    R.RETURN_REQUESTED: {R.RETURN_REQUESTED, R.RETURNED, R.OFFERED, R.ACCEPTED, R.IN_PROGRESS, R.RECALLED},
    R.RESOLVED: {R.RESOLVED, R.CLOSED, R.IN_PROGRESS},
    R.RETURNED: {R.RETURNED},
    R.CLOSED: {R.CLOSED},
    R.RECALLED: {R.RECALLED},
    R.WAIVED: {R.WAIVED},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored message."""

    sequence: int
    case_id: str
    expected: int
    record: facts_pb2.Record

    @property
    def command(self) -> str:
        return self.record.fact.command_id


async def last_of(mesh: LocalMesh) -> int:
    """How many messages the log has."""
    async with jetstream(mesh.endpoints) as js:
        return int((await js.stream_info(NAMES.log_stream(0))).state.last_seq)


async def whole_log(mesh: LocalMesh) -> list[Entry]:
    """Every message of the log, in order, without a hole."""
    async with jetstream(mesh.endpoints) as js:
        stream = NAMES.log_stream(0)
        last = (await js.stream_info(stream)).state.last_seq
        reader = await js.pull_subscribe(
            NAMES.log_all(0), stream=stream, config=ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True)
        )
        found: list[Entry] = []
        while len(found) < last:
            try:
                messages = await reader.fetch(500, timeout=30)
            except NatsTimeout:
                break
            for one in messages:
                assert one.headers is not None
                expected = int(one.headers["Nats-Expected-Last-Subject-Sequence"])
                record = facts_pb2.Record.FromString(one.data)
                sequence = one.metadata.sequence.stream
                found.append(Entry(sequence, Names.case_id(one.subject), expected, record))
        await reader.unsubscribe()
        vault = await open_vault(js._nc, js, Settings(data_dir=str(mesh.data_dir)))
        keys = await vault.load_all(one.case_id for one in found)
    for one in found:
        unseal(one.record, keys[one.case_id])
    found = found[:last]  # the patrol may still be on its round
    assert [one.sequence for one in found] == list(range(1, last + 1)), "the log has holes"
    return found


def check_log(log: Sequence[Entry], acked: Collection[str], closed: Collection[str]) -> None:
    """Nothing acknowledged is lost, nothing applied twice, each case is its replay, limits fire once, not early."""
    commands = Counter(one.command for one in log)
    doubled = [command for command, count in commands.items() if count > 1]
    assert not doubled, f"applied twice: {doubled[:5]}"
    assert len(set(acked)) == len(acked), "the load acknowledged one id twice"
    lost = [one for one in acked if one not in commands]
    assert not lost, f"acknowledged, and not on the log: {len(lost)} of {len(acked)}, e.g. {lost[:5]}"
    cases: dict[str, list[Entry]] = defaultdict(list)
    for one in log:
        cases[one.case_id].append(one)
    for case_id, entries in cases.items():
        _check_case(case_id, entries)
    heads = {f"cases/{case_id}": entries[-1].record.case for case_id, entries in cases.items()}
    for name in closed:
        assert heads[name].state == case_pb2.Case.State.CLOSED, f"{name} was closed, the log says {heads[name].state}"


def _check_case(case_id: str, entries: Sequence[Entry]) -> None:
    case: Case | None = None
    before, recent = 0, []
    missed: Counter[tuple[str, Limit, datetime]] = Counter()
    for one in entries:
        assert one.expected == before, f"{case_id}: {one.sequence} was guarded by {one.expected}, not {before}"
        fact = fact_of(one.record)
        assert (case is None) == isinstance(fact.body, f.CaseOpened), f"{case_id}: opened once, and first"
        after = evolve(case, fact)
        assert after == case_of(one.record), f"{case_id}: {fact.kind} at {one.sequence} is not its replay"
        _check_moves(case, after)
        if isinstance(fact.body, f.DeadlineMissed):
            missed[fact.body.referral, fact.body.limit, fact.body.due] += 1
            assert fact.stamp.at >= fact.body.due, f"{case_id}: escalated early"
            held = running(case, fact.body.referral, fact.body.limit) if case else None
            assert held and held.at == fact.body.due, f"{case_id}: not running"
        if not isinstance(fact.body, (m.ChildJoined, m.ChildLeft)):  # what another case did pushes no command out
            recent = [*recent[-31:], command_key(one.command)]
        assert list(one.record.recent) == recent, f"{case_id}: last commands at {one.sequence}"
        case, before = after, one.sequence
    assert all(count == 1 for count in missed.values()), f"{case_id}: escalated twice: {missed}"
    assert case is not None
    for referral in case.referrals:
        assert len(set(referral.missed)) == len(referral.missed)


def _check_moves(before: Case | None, after: Case) -> None:
    if before is None:
        assert after.state == C.RECEIVED and not after.referrals
        return
    assert after.state in _CASE_MOVES[before.state], f"{after.name}: {before.state} -> {after.state}"
    assert len(after.referrals) >= len(before.referrals)
    for old, new in zip(before.referrals, after.referrals, strict=False):
        assert new.state in _REFERRAL_MOVES[old.state], f"{new.name}: {old.state} -> {new.state}"
    assert all(one.state == R.OFFERED for one in after.referrals[len(before.referrals) :])
    open_leads = [one for one in after.this_round if one.role == "lead" and one.is_open]
    assert len(open_leads) <= 1 and after.owner, f"{after.name}: one lead, one owner"


async def check_read_model(mesh: LocalMesh, folder: Path) -> None:
    """P7: the live model equals one filled anew from the log, as soon as it has the same part of it."""
    database = f"sqlite:///{folder / 'again.db'}"
    anew = Settings(nats_url=mesh.nats_url, data_dir=str(mesh.data_dir), database_url=database)
    live = create_engine(f"sqlite:///{mesh.data_dir / 'tracking.db'}")

    async def equal() -> bool:
        return (await rebuild(anew)).digest == await asyncio.to_thread(digest, live)

    try:
        await until(equal, "the read model is the log's", 20)
    finally:
        live.dispose()
