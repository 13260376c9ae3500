"""Judging texts and cases with the city's catalogue.

The engine (verdict.py) is rebuilt when new city data or new rules come into force. Whatever goes wrong in it,
the verdict is ASK: a person looks. An operator's word beats the machine's; the emergency flag rises by itself and is
lowered only by a person with a reason. What a person corrects is a fact, and the fact teaches the overlay of that
person's agency: at once, in memory, one-sided (overlay.py). A process that starts reads the lessons of the last weeks
from the log; until it has, it judges without them, which only asks more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from callmesh.classification.engine import Rules, RulesInForce
from callmesh.classification.overlay import Lesson, Overlay, lesson_of
from callmesh.classification.recorded import overlay_since
from callmesh.classification.verdict import Classifier
from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.assessment import Assessment
from callmesh.domain.case import Case
from callmesh.domain.case import Classification as Classified
from callmesh.domain.directory import City
from callmesh.domain.errors import NoDirectory, Unreachable
from callmesh.domain.oversight import of_city
from callmesh.domain.report import Situation
from callmesh.domain.routing import diverts
from callmesh.domain.words import Channel, EmergencyRule, Level, Verdict
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import sequence_of
from callmesh.kernel.telemetry import log
from callmesh.ledger import flags
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.port import Head
from callmesh.ledger.record import UnknownFact, body_of, decode, fact_of

RULE = "classify"
LOOK_SECONDS = 30.0
_DECIDED, _AMENDED = "case_classified", "report_amended"
REMEMBERED = timedelta(days=28)
"""Lessons older than this have faded, or are in a refit."""
KNOWN = 256
"""Texts whose assessment is remembered, in memory only."""


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator wants instead; empty fields take the machine's."""

    category: str = ""
    level: Level | None = None
    lower_emergency: bool = False
    reason: str = ""
    flags: tuple[str, ...] = ()


class Classification:
    """Use cases of classification."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._rules = RulesInForce(mesh.runtime.settings.rules_dir)
        self._overlay = Overlay()
        self._heard: list[Lesson] | None = []
        self._warming = asyncio.Lock()
        self._known: OrderedDict[tuple[str, str, str], Assessment] = OrderedDict()
        self._engine: tuple[City, Rules, Classifier] | None = None

    async def warm(self) -> None:
        """Builds the engine before the first caller waits for it; without a city there is none yet."""
        async with self._warming:
            with contextlib.suppress(NoDirectory, Unreachable):
                self._engine = await asyncio.to_thread(self._built)

    async def remember(self) -> None:
        """Takes up the lessons that the log holds; those that arrive meanwhile come after them. Never fails."""
        runtime = self._mesh.runtime
        try:
            since, shard = now() - REMEMBERED, runtime.settings.shard
            told = await overlay_since(runtime.js, runtime.names, shard, since, runtime.vault)
        except (NatsError, OSError, TimeoutError, UnknownFact) as wrong:
            log.warning("lessons not read from the log", error=type(wrong).__name__)
        else:
            for one in self._heard or ():
                told.learn(one.agency, one.text, one.category, one.emergency)
            self._overlay = told
            self._known.clear()
        self._heard = None

    async def watch(self) -> None:
        """Takes over changed files of the rules folder; what is refused changes nothing."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.warm()

    def assess(self, text: str, channel: str, agency: str = "") -> Assessment:
        """The engine's answer, with what the agency taught; ASK when the engine fails."""
        try:
            engine, key = self._classifier(), (text, channel, agency)
            found = self._known.get(key)
            if found is None:  # what was suggested is classified a moment later
                adjust = partial(self._overlay.adjust, agency)
                found = self._known[key] = engine.assess(text, _channel(channel), adjust)
                if len(self._known) > KNOWN:
                    self._known.popitem(last=False)
            return found
        except Exception as wrong:
            log.error("classifier failed", error=type(wrong).__name__)
            return Assessment(Verdict.ASK, Level.P2, "", (), (), "分类器异常, 请人工判断", "none")

    def assess_case(self, case: Case) -> Assessment:
        """The engine's answer for a case with all its supplements; a silent caller is never routed."""
        report = case.report
        text = "\n".join([report.narrative, *(one.text for one in report.supplements)])
        found = self.assess(text, case.channel, case.origin)
        return _raised(found, Level.P0, "静默报警") if report.caller.silent else _harmed(found, case.situation)

    def _assess_news(self, case: Case, news: f.ReportAmended) -> Assessment:
        """What came later; with all that was said before, where that alone is no danger and no person has judged it."""
        words = news.supplement.text if news.supplement else ""
        found = self.assess(words, case.channel, case.origin)
        judged = case.classification is not None and case.classification.by_person
        if found.verdict != Verdict.EMERGENCY and not judged:
            found = self.assess_case(case)
        meant = found.category if words or not judged else ""  # counts alone say nothing of the matter
        return replace(_harmed(found, news.situation or Situation()), category=meant or case.category)

    def command(self, case: Case) -> c.Classify:
        """The machine's own classification as a command."""
        return self._command(case, self.assess_case(case))

    def _command(self, case: Case, found: Assessment) -> c.Classify:
        emergency = found.verdict == Verdict.EMERGENCY
        recorded = _recorded(found)
        return c.Classify(recorded, found.category, emergency, **self._watched(case, recorded, emergency))

    def override(self, case: Case, wish: Override) -> c.Classify:
        """An operator's classification, beside what the machine thinks."""
        found = self.assess_case(case)
        if not wish.category and not wish.level and not wish.lower_emergency:
            return self.command(case)  # the operator takes the machine's word
        row = self._mesh.city.category.get(wish.category or found.category)
        always = row is not None and row.emergency == EmergencyRule.ALWAYS
        emergency = (found.verdict == Verdict.EMERGENCY or always) and not wish.lower_emergency
        recorded = Classified(
            verdict=Verdict.EMERGENCY if emergency else Verdict.ROUTE,
            level=wish.level or (row.level if row else found.level),
            category=wish.category or found.category,
            candidates=found.candidates,
            evidence=found.evidence,
            reason=wish.reason,
            version=found.version,
            by_person=True,
        )
        flagged = flags.of_category(self._mesh.city, wish.category) + wish.flags
        watched = self._watched(case, recorded, emergency)
        return c.Classify(recorded, found.category, emergency, wish.lower_emergency, flagged, **watched)

    def _watched(self, case: Case, found: Classified, emergency: bool) -> dict[str, Any]:
        """Whether the matter is another agency's, so that its hand-over is watched."""
        city = self._mesh.city
        return {"oversight": of_city(city), "diverts": diverts(city, case, found.category, emergency)}

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Classifies what came in without an operator on the line, hears danger in what came later; learns from what
        operators decided."""
        await each(self._mesh, messages, self._on_fact, _concerns)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        if kind_of(message) == _DECIDED:
            self._learn(await self._mesh.ledger.seen(message))
            return
        amended = kind_of(message) == _AMENDED
        head = await (self._mesh.ledger.seen(message) if amended else self._mesh.ledger.head(case_id))
        if head is None:
            return
        judge = self._raising if amended else self._first
        command = await asyncio.to_thread(judge, head) if _long(head.case) else judge(head)
        if command is not None:
            await self._mesh.by_policy(case_id, command, RULE, sequence_of(message))

    def _first(self, head: Head) -> c.Classify | None:
        return None if head.case.classification else self.command(head.case)

    def _raising(self, head: Head) -> c.Classify | None:
        """An emergency that was none before; of a report that nobody attends also before it was judged at all, since
        its judge may not have read this yet."""
        case, body = head.case, body_of(head.record)
        waits = case.classification is None and _channel(case.channel).attended
        if case.emergency or waits or not isinstance(body, f.ReportAmended):
            return None
        found = self._assess_news(case, body)
        return replace(self._command(case, found), raises=True) if found.verdict == Verdict.EMERGENCY else None

    def _learn(self, head: Head) -> None:
        """A repeated delivery teaches twice, which moves little: a lesson is bounded and fades."""
        lesson = lesson_of(head.case, fact_of(head.record))
        if lesson is not None:
            self._overlay.learn(lesson.agency, lesson.text, lesson.category, lesson.emergency)
            if self._heard is not None:
                self._heard.append(lesson)
            self._known.clear()

    def engine_of(self, city: City) -> Classifier:
        """A classifier of the rules in force for another city's catalogue; takes a while, call it in a thread."""
        return self._rules.refresh().classifier(city.categories)

    def _classifier(self) -> Classifier:
        if self._engine is None or self._engine[0] is not self._mesh.city:
            self._engine = self._built()
        return self._engine[2]

    def _built(self) -> tuple[City, Rules, Classifier]:
        """The engine of the city and the rules in force; the one there is when nothing changed."""
        city, rules = self._mesh.city, self._rules.refresh()
        if self._engine and self._engine[0] is city and self._engine[1] is rules:
            return self._engine
        self._known.clear()
        return city, rules, rules.classifier(city.categories)


def _long(case: Case) -> bool:
    return len(case.report.narrative) > 2_000


def _concerns(case_id: str, message: Msg) -> bool:
    """Reports that nobody attends, what was added to any, and what a person decided."""
    kind = kind_of(message)
    return kind in (_DECIDED, _AMENDED) or (
        kind == "case_opened" and not _channel(decode(message.data).case.channel).attended
    )


def _channel(channel: str) -> Channel:
    """An unknown channel counts as unattended."""
    return Channel(channel) if channel in list(Channel) else Channel.WEB


def _raised(found: Assessment, level: Level, why: str) -> Assessment:
    return replace(found, verdict=Verdict.EMERGENCY, level=level, reason=f"{why}; {found.reason}")


def _harmed(found: Assessment, situation: Situation) -> Assessment:
    harm = situation.injured or situation.dead or situation.trapped
    return _raised(found, Level.P0, "已有伤亡或被困人员") if harm else found


def _recorded(found: Assessment) -> Classified:
    return Classified(
        verdict=found.verdict,
        level=found.level,
        category=found.category,
        candidates=found.candidates,
        evidence=found.evidence,
        reason=found.reason,
        version=found.version,
    )
