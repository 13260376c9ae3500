"""What the demo keeps of its run: every call's way, what did not end as its script implies, how the
machine's verdicts agree with what the calls expect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.cli import wording
from callmesh.cli.calls import Call, Malformed
from callmesh.cli.desk import Settled, leads
from callmesh.cli.report import Report, record
from callmesh.domain.directory import City

_State = case_pb2.Case.State


@dataclass(frozen=True, slots=True)
class Way:
    """A call that was played: where it went, and the case at its end."""

    settled: Settled
    end: case_pb2.Case

    @property
    def hops(self) -> int:
        """How many agencies handed it on."""
        return sum(one.state == referral_pb2.Referral.RETURNED for one in self.end.referrals)


class Played(Report):
    """The demo's listener: a bar while it runs, everything kept for the pages after it."""

    def __init__(self, city: City, total: int | None) -> None:
        super().__init__(city, total, lines=False)
        self.ways: list[Way] = []
        self.wrong: list[str] = []
        self._emergency_kinds = set(city.policy.emergency_kinds)
        self._settled: dict[str, Settled] = {}

    def malformed(self, wrong: Malformed) -> None:
        """A line was skipped: the demo's own calls have none."""
        self.totals.malformed += 1
        self.wrong.append(f"line {wrong.line}: {wrong.error}")

    def settled(self, settled: Settled) -> None:
        """Kept until it ends."""
        self.totals.settle(settled)
        self._settled[settled.case.name] = settled

    def ended(self, settled: Settled, case: case_pb2.Case) -> None:
        """Kept, and compared with its script."""
        super().ended(settled, case)
        self.progress.advance(self._task)
        del self._settled[case.name]
        way = Way(settled, case)
        self.ways.append(way)
        problem = amiss(way) or self._diverted(way)
        if problem:
            self.wrong.append(f"line {settled.call.line}, {case.name}: {problem}")

    def failed(self, call: Call, case: str, error: str) -> None:
        """A call that was not played to its end."""
        self.totals.failed += 1
        self.progress.advance(self._task)
        self.wrong.append(f"line {call.line}, {case or 'no case'}: {error}")

    def problem(self, case: str, error: str) -> None:
        """A partner was refused something."""
        self.totals.problems += 1
        self.wrong.append(f"{case}: {error}")

    def _diverted(self, way: Way) -> str:
        """An expected emergency that the machine sent to somebody who is no emergency service."""
        settled = way.settled
        routed = settled.machine.verdict == common_pb2.VERDICT_ROUTE
        agency = self.city.agency.get(settled.lead)
        serves = agency is not None and agency.kind in self._emergency_kinds
        if settled.call.expect.get("verdict") == "emergency" and routed and not serves:
            return f"an emergency was routed to {settled.lead}, which is no emergency service"
        return ""

    def save(self, path: Path) -> None:
        """Every call's line, as `play --json` prints it, with its last state."""
        with path.open("w") as file:
            for way in sorted(self.ways, key=lambda one: one.settled.call.line):
                line = record(way.settled) | {"state": wording.state(way.end), "round": way.end.round}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def amiss(way: Way) -> str:
    """How the end differs from what the call's script implies; "" when it does not."""
    call, case = way.settled.call, way.end
    if case.state == _State.ANSWERED:
        return ""
    if not leads(way.settled.case):
        kept = way.settled.machine.verdict == common_pb2.VERDICT_ASK and not call.operator
        return "" if kept else f"nobody got it although the verdict is {wording.verdict(way.settled.machine.verdict)}"
    if call.script.do == "ignore":
        return "" if case.state == _State.REFERRED else f"should lie with its agency, is {wording.state(case)}"
    if case.state != _State.CLOSED:
        return f"should be closed, is {wording.state(case)}"
    if call.script.do == "return" and not way.hops:
        return "should have been returned and reassigned"
    again = not call.script.solved and not call.silent and not call.confidential
    return f"should have {2 if again else 1} rounds, has {case.round}" if case.round != (2 if again else 1) else ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the machine said what the calls expect."""

    verdicts: Counter[tuple[str, str]]
    category_right: int
    category_of: int

    @property
    def right(self) -> int:
        """Calls with the expected verdict."""
        return sum(count for (wanted, said), count in self.verdicts.items() if wanted == said)


def agreement(ways: Iterable[Way]) -> Agreement:
    """Over the calls that expect something."""
    verdicts: Counter[tuple[str, str]] = Counter()
    right = of = 0
    for way in ways:
        expect, machine = way.settled.call.expect, way.settled.machine
        if "verdict" in expect:
            verdicts[expect["verdict"], wording.verdict(machine.verdict)] += 1
        if "category" in expect:
            of += 1
            right += machine.category == expect["category"]
    return Agreement(verdicts, right, of)
