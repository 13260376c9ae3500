"""The lower part of a case's page: rounds, redeliveries, limits, the slowest wait, cases that belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.text import Text

from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import wording

_MOST = 10
_KINDS = {"parent": "folded into (并入)", "child": "folded in (并单)"}


def rounds(timeline: pb.Timeline, zone: tzinfo | None) -> Iterator[Text]:
    """Earlier rounds and this one (重办); nothing for a case that was never reopened."""
    if len(timeline.rounds) < 2:
        return
    for one in timeline.rounds:
        end = f"{local(one.end_time, zone):%m-%d %H:%M}" if one.HasField("end_time") else "now"
        reason = f" ({one.reason})" if one.reason else ""
        text = f"round {one.round} (第 {one.round} 轮){reason}: {local(one.start_time, zone):%m-%d %H:%M} to {end}, "
        text += f"{', '.join(one.agencies) or 'no agency'}, results: {one.results}"
        yield Text(text + _said(one))


def _said(one: pb.Round) -> str:
    if not one.HasField("follow_up"):
        return ""
    asked = one.follow_up
    if not asked.reached:
        return ", caller not reached"
    return f", {'solved' if asked.solved else 'unsolved'}" + (
        f", satisfied {asked.satisfied}" if asked.satisfied else ""
    )


def deliveries(timeline: pb.Timeline) -> Iterator[Text]:
    """What was handed over more than once, or given up."""
    for one in timeline.deliveries:
        if one.attempts > 1:
            yield Text(f"redelivered: {one.agency} got it {one.attempts} times before it confirmed it", style="yellow")
        if one.gave_up_after:
            yield Text(f"not delivered: {one.agency}, given up after {one.gave_up_after} attempts", style="bold red")


def slowest_wait(timeline: pb.Timeline) -> Iterator[Text]:
    """Between which two facts most time went by."""
    if not timeline.HasField("slowest_hop") or not wording.seconds(timeline.slowest_hop.length):
        return
    slow = timeline.slowest_hop
    kinds = {entry.event.name: entry.event.kind for entry in timeline.entries}
    start, end = kinds.get(slow.start_event, "?"), kinds.get(slow.end_event, "now")
    length = wording.span(wording.seconds(slow.length))
    yield Text(f"slowest wait: {length} from {start} to {end}, for {slow.agency}")


def missed(timeline: pb.Timeline, zone: tzinfo | None) -> Iterator[Text]:
    """Limits that ran out: whose, when due, when noticed; those that no fact tells about, without times."""
    told = {(one.referral, one.limit) for one in timeline.missed}
    for referral in timeline.case.referrals:
        for limit in referral.missed:
            if (referral.name, limit) not in told:
                yield Text(f"missed: {referral.agency}'s {wording.LIMITS.get(limit, 'limit')}", style="bold red")
    for one in timeline.missed:
        due = f", due {local(one.due, zone):%m-%d %H:%M:%S}" if one.HasField("due") else ""
        late = f", escalated {wording.span(_between(one.due, one.at))} later" if one.HasField("due") else ""
        what = wording.LIMITS.get(one.limit, "limit")
        yield Text(f"missed: {one.agency}'s {what}{due}{late}", style="bold red")


def relations(timeline: pb.Timeline) -> Iterator[Text]:
    """Linked and folded cases, ten of a kind at most."""
    kinds: dict[str, list[str]] = {}
    for one in timeline.relations:
        kinds.setdefault(one.kind, []).append(one.case)
    for kind, cases in kinds.items():
        more = f" and {len(cases) - _MOST} more" if len(cases) > _MOST else ""
        yield Text(f"{_KINDS.get(kind, f'linked (关联, {kind})')}: {', '.join(cases[:_MOST])}{more}")


def local(stamp: Any, zone: tzinfo | None) -> datetime:
    """A moment in a zone, None is this machine's."""
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC).astimezone(zone)


def _between(start: Any, end: Any) -> float:
    return max(0.0, float(end.seconds - start.seconds) + float(end.nanos - start.nanos) / 1e9)
