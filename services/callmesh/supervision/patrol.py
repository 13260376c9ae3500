"""The record patrol (巡查): every closed case is looked at once under the rules in force.

A closure travels: its fact is read from the log, the case beside it is held against each rule of the city's data, what
is broken becomes a finding with the responsible agency and a due date (FindingRecorded), and the visit itself is
noted (PatrolVisited), also when nothing was found: coverage is counted from those, nobody scans. A crash
between the two is mended by the fact's redelivery: each command's id names version, rule and closure. Under a new
version the cases that close from then on are looked at; one that is reopened and closes again is looked at again.
"""

from __future__ import annotations

from nats.aio.msg import Msg

from callmesh.domain import commands_matters as c
from callmesh.domain.case import Case
from callmesh.domain.city_rules import PatrolRule
from callmesh.domain.clocks import due
from callmesh.domain.patrol import findings, version_of
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import kind_of


class Patrol:
    """Looks at what closed."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._known: tuple[tuple[PatrolRule, ...], str] = ((), "")

    @staticmethod
    def concerns(message: Msg) -> bool:
        """Closures."""
        return kind_of(message) == "case_closed"

    async def on_fact(self, message: Msg) -> None:
        """One closure."""
        rules = self._mesh.city.patrol_rules
        if rules:
            case, sequence = (await self._mesh.ledger.seen(message)).case, sequence_of(message)
            await self._visit(case, rules, self._version(rules), sequence)

    def _version(self, rules: tuple[PatrolRule, ...]) -> str:
        if self._known[0] is not rules:
            self._known = rules, version_of(rules)
        return self._known[1]

    async def _visit(self, case: Case, rules: tuple[PatrolRule, ...], version: str, sequence: int) -> None:
        found = findings(case, rules)
        calendar = self._mesh.city.calendar
        for rule, agency in found:
            until = due(now(), rule.due, calendar)
            command = c.RecordFinding(rule.id, agency, until, version, case.round)
            await self._mesh.by_policy(case.id, command, f"patrol.{version}.{rule.id}", sequence)
        visit = c.VisitPatrol(version, case.round, len(rules), len(found))
        await self._mesh.by_policy(case.id, visit, f"patrol.{version}", sequence)
