"""A case's way, drawn for people: who has it, what happened when, who held it how long, what is due.

Everything comes from one GetTimeline answer. Nothing of the report is drawn: the caller's words and
number stay where they are. Fits 80 columns; without a terminal there are no colours and no boxes.
Times are told in the zone that `now` is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import timeline_more as more
from callmesh.cli import wording
from callmesh.states import ENDED, OPEN, asks_to_see

_State = case_pb2.Case.State
_RState = referral_pb2.Referral.State
_LEAD, _SUPPORT = referral_pb2.Referral.LEAD, referral_pb2.Referral.SUPPORT
_STAGES = {0: "", 1: "接报", 2: "指派", 3: "处置", 4: "督办", 5: "反馈"}
_STAGE_STYLES = {1: "cyan", 2: "magenta", 3: "green", 4: "red", 5: "blue"}
ROLES = {_LEAD: "主办", _SUPPORT: "协办"}
_PAUSES = {
    referral_pb2.Pending.RETURN: "return (退单)",
    referral_pb2.Pending.EXTENSION: "extension (延期)",
    referral_pb2.Pending.SUSPENSION: "pause (挂账)",
}
_AGENCY = 16


def draw(timeline: pb.Timeline, now: datetime | None = None) -> RenderableType:
    """The whole page."""
    at = now or datetime.now().astimezone()
    parts: list[RenderableType] = [_header(timeline.case, at), _turn(timeline, at)]
    parts += [_entries(timeline, at)] if timeline.entries else []
    if timeline.holds:
        parts += [Text(""), _holds(timeline)]
    parts += [*_slowest(timeline), *more.slowest_wait(timeline), *_pauses(timeline), *more.deliveries(timeline)]
    parts += [*more.rounds(timeline, at.tzinfo), *more.relations(timeline), *_limits(timeline, at)]
    return Group(*parts)


def show(timeline: pb.Timeline, console: Console, now: datetime | None = None) -> None:
    """Prints the page."""
    console.print(draw(timeline, now))


def _header(case: case_pb2.Case, now: datetime) -> Text:
    found = case.classification
    about = [wording.state(case).upper(), wording.state_zh(case), wording.level(found.level).upper() or "no level"]
    about += [found.category or "no category", f"round {case.round}"] + (["emergency"] if case.emergency else [])
    text = Text(f"{case.name}\n", style="bold")
    text.append(" · ".join(about) + "\n", style="bold red" if case.emergency else "bold")
    at = more.local(case.opened_at, now.tzinfo)
    opened = f"opened {at:%Y-%m-%d %H:%M:%S} by {case.origin} over {case.channel}; times in UTC{at:%z}"
    text.append(opened + "\n", style="not bold")
    owner = f"owner of record {case.owner}"
    plan = f"; plan {case.plan}" if case.plan else ""
    flags = f"; flags {', '.join(case.flags)}" if case.flags else ""
    text.append(owner + plan + flags, style="not bold")
    if case.supervision in wording.COLOURS:
        colour = wording.COLOURS[case.supervision]
        text.append(f"; supervision {colour} (督办)", style=f"not bold {colour}")
    return text


def _turn(timeline: pb.Timeline, now: datetime) -> Text:
    return Text(f"→ {turn(timeline.case, now)}\n", style="bold")


def turn(case: case_pb2.Case, now: datetime) -> str:
    """Whose turn it is, in one sentence."""
    if case.state in ENDED:
        ended = _at(case.closed_at) - _at(case.opened_at)
        return f"nobody's turn: {wording.state(case)} after {wording.span(ended.total_seconds())}"
    if case.state == _State.RECEIVED:
        return f"{case.owner} has to classify it{_due(_undecided(case), now)}"
    if case.state == _State.CLASSIFIED:
        return f"{case.owner} has to decide where it goes (一键转接), or answer it{_due(_undecided(case), now)}"
    if case.state == _State.DISPUTED:
        return f"a commander has to designate an agency (指定管辖){_due(case.decision_due, now)}"
    if case.state == _State.FOLLOW_UP:
        return f"{case.origin} has to ask the caller (回访) and close it{_due(case.follow_up_due, now)}"
    return _referred(case, now)


def _referred(case: case_pb2.Case, now: datetime) -> str:
    lead = next((one for one in reversed(case.referrals) if one.role == _LEAD and one.state in OPEN), None)
    helpers = [one for one in case.referrals if one.role == _SUPPORT and one.state in OPEN]
    if lead is None:
        return f"{case.owner} has to find an agency for it"
    if lead.state == _RState.OFFERED and not lead.HasField("received_at"):
        return f"{lead.agency} has not received it yet{_due(lead.accept_due, now)}"
    if lead.state == _RState.OFFERED:
        return f"a person at {lead.agency} has to take it (签收){_due(lead.accept_due, now)}"
    if lead.state == _RState.RETURN_REQUESTED:
        return f"{lead.sender} has to decide on the return that {lead.agency} asked for (退单){_asked_due(lead, now)}"
    if lead.state == _RState.SUSPENDED:
        until = f"{more.local(lead.suspended_until, now.tzinfo):%m-%d %H:%M}"
        return f"nobody's turn: {lead.agency} pauses until {until} (挂账), asked for by {lead.suspended_by}"
    if lead.pending:
        what = _PAUSES.get(lead.pending[0].kind, "request")
        return f"{lead.sender} has to decide on the {what} that {lead.agency} asked for{_asked_due(lead, now)}"
    asked = asks_to_see(lead)
    if asked:
        return f"{lead.sender} has to decide what {lead.agency} may see (申请查看){_due(asked.decision_due, now)}"
    if helpers:
        return f"{lead.agency} leads and waits for {', '.join(one.agency for one in helpers)}"
    return f"{lead.agency} has to finish it (办结){_due(lead.resolve_due, now)}"


def _undecided(case: case_pb2.Case) -> Any:
    return case.diversion_due if case.HasField("diversion_due") else case.decision_due


def _asked_due(lead: referral_pb2.Referral, now: datetime) -> str:
    return _due(lead.pending[0].decision_due, now) if lead.pending else ""


def _due(stamp: Any, now: datetime) -> str:
    if not stamp.seconds:
        return ""
    left = (_at(stamp) - now).total_seconds()
    return f", due in {wording.span(left)}" if left >= 0 else f", overdue by {wording.span(-left)}"


def _entries(timeline: pb.Timeline, now: datetime) -> Table:
    traced = any(entry.event.trace_id for entry in timeline.entries)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("time", no_wrap=True, min_width=8)
    drawn.add_column("after", justify="right", no_wrap=True, min_width=7)
    drawn.add_column("stage", no_wrap=True, min_width=5)
    drawn.add_column("what", overflow="fold")
    drawn.add_column("who", no_wrap=True, max_width=_AGENCY)
    if traced:
        drawn.add_column("trace", no_wrap=True, min_width=8, style="dim")
    for number, entry in enumerate(timeline.entries):
        event = entry.event
        stage = Text(_STAGES.get(entry.stage, ""), style=_STAGE_STYLES.get(entry.stage, ""))
        after = wording.span(wording.seconds(entry.elapsed)) if number else ""
        what = (event.summary or event.kind).replace("、", ", ")
        row: list[str | Text] = [f"{more.local(event.at, now.tzinfo):%H:%M:%S}", after, stage, what, _who(event)]
        drawn.add_row(*row, *([event.trace_id[:8]] if traced else []))
    return drawn


def _who(event: pb.CaseEvent) -> str:
    """The acting agency, or the rule or timer of the mesh."""
    actor = event.actor
    return actor.agency or {2: "rule", 3: "timer"}.get(actor.kind, "mesh")


def _holds(timeline: pb.Timeline) -> Table:
    by_name = {one.name: one for one in timeline.case.referrals}
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("held by", no_wrap=True, max_width=_AGENCY)
    drawn.add_column("as", no_wrap=True, min_width=4)
    drawn.add_column("now", no_wrap=True, min_width=6)
    for name in ("transport", "unopened", "working", "waiting", "total"):
        drawn.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    drawn.add_column("", no_wrap=True, min_width=1)
    for hold in timeline.holds:
        _hold(drawn, hold, by_name.get(hold.referral))
    return drawn


def _hold(drawn: Table, hold: pb.Hold, referral: referral_pb2.Referral | None) -> None:
    waits = _waits(hold)
    spans = [wording.span(one) if one else "-" for one in (*waits.values(), sum(waits.values()))]
    role, state = (ROLES.get(referral.role, ""), wording.referral_zh(referral)) if referral else ("", "")
    style = "bold yellow" if hold.slowest else ""
    drawn.add_row(hold.agency, role, state, *spans, "◀" if hold.slowest else "", style=style)


def _waits(hold: pb.Hold) -> dict[str, float]:
    names = ("transport", "unopened", "working", "waiting")
    return {name: wording.seconds(getattr(hold, name)) for name in names}


def _slowest(timeline: pb.Timeline) -> Iterator[Text]:
    for hold in timeline.holds:
        if hold.slowest:
            waits = _waits(hold)
            name = max(waits, key=lambda one: waits[one])
            total = wording.span(sum(waits.values()))
            yield Text(f"◀ slowest hop: {hold.agency}, {total}, most of it {name} ({wording.span(waits[name])})")


def _pauses(timeline: pb.Timeline) -> Iterator[Text]:
    """Who let others wait: each pause by the agency that asked for it."""
    for hold in timeline.holds:
        for one in hold.pauses:
            length = wording.span(wording.seconds(one.length))
            yield Text(f"waiting: {hold.agency} {length}, {_PAUSES.get(one.kind, 'pause')} asked for by {one.agency}")


def _limits(timeline: pb.Timeline, now: datetime) -> Iterator[Text]:
    """What was missed, and what is due next."""
    yield from more.missed(timeline, now.tzinfo)
    if timeline.HasField("next_due"):
        what = wording.LIMITS.get(timeline.next_limit, "limit")
        when = f"{more.local(timeline.next_due, now.tzinfo):%m-%d %H:%M:%S}"
        yield Text(f"next: {timeline.next_agency}'s {what} at {when}{_due(timeline.next_due, now)}")


def _at(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)
