"""ClassificationService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import case_pb2, classification_pb2, common_pb2
from callmesh.api.v1 import classification_service_pb2 as pb
from callmesh.api.v1.classification_service_pb2_grpc import ClassificationServiceServicer
from callmesh.classification.service import Classification, Override
from callmesh.domain import commands as c
from callmesh.domain.assessment import Assessment
from callmesh.domain.case import Case
from callmesh.domain.directory import City, Guide
from callmesh.domain.errors import Invalid
from callmesh.domain.names import case_id_of
from callmesh.domain.routing import Question, choose
from callmesh.domain.words import Level, Role, Verdict
from callmesh.kernel.ids import now
from callmesh.kernel.telemetry import mark
from callmesh.ledger.boot import Mesh
from callmesh.ledger.wire import enum_numbers

TEXT_LENGTH = 20_000
_LEVELS = enum_numbers(Level, common_pb2.Level.DESCRIPTOR)
_VERDICTS = enum_numbers(Verdict, common_pb2.Verdict.DESCRIPTOR)
_LEVEL_OF = {number: level for level, number in _LEVELS.items()}


class ClassificationServicer(ClassificationServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh, service: Classification) -> None:
        self._mesh, self._service = mesh, service

    async def SuggestClassification(
        self, request: pb.SuggestClassificationRequest, context: Any
    ) -> pb.SuggestClassificationResponse:
        actor, city = self._mesh.caller(), self._mesh.city
        if len(request.text) > TEXT_LENGTH:
            reason = {"text": f"at most {TEXT_LENGTH} characters"}
            raise Invalid("text is too long", f"内容过长, 最多 {TEXT_LENGTH} 字", reason)
        found = self._service.assess(request.text, request.channel or "phone", actor.agency)
        emergency = request.emergency or found.verdict == Verdict.EMERGENCY
        return pb.SuggestClassificationResponse(
            classification=_classification(found, emergency),
            emergency=emergency,
            targets=_targets(city, found, request.division, actor.agency, emergency),
            guide=_guide(city.guide_at(found.category, found.level)),
            incidents=found.incidents,
        )

    async def ClassifyCase(self, request: pb.ClassifyCaseRequest, context: Any) -> case_pb2.Case:
        case_id = case_id_of(request.name)
        level = _LEVEL_OF.get(request.level)
        flagged = ("unknown_level",) if request.level and level is None else ()
        wish = Override(request.category, level, request.lower_emergency, request.reason, flagged)

        def ask(case: Case) -> c.Command:
            return self._service.override(case, wish)

        outcome = await self._mesh.by_person(case_id, ask, request, request.request_id, request.etag)
        return outcome.head.reply()

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Any) -> pb.ListCategoriesResponse:
        self._mesh.caller()
        city = self._mesh.city
        categories = [
            pb.Category(
                id=one.id,
                group=one.group,
                zh=one.zh,
                en=one.en,
                lead=one.lead,
                support=one.support,
                level=_LEVELS[one.level],  # type: ignore[arg-type]
                emergency=one.emergency.value,
                guide=_guide(city.guide.get(one.id)),
                level_guides=_level_guides(city, one.id),
            )
            for one in city.categories
        ]
        return pb.ListCategoriesResponse(categories=categories, city_version=city.version)


def _classification(found: Assessment, emergency: bool) -> classification_pb2.Classification:
    verdict = Verdict.ASK if emergency and found.verdict == Verdict.ROUTE else found.verdict
    mark(verdict=verdict.value)
    return classification_pb2.Classification(
        verdict=_VERDICTS[verdict],  # type: ignore[arg-type]
        level=_LEVELS[found.level],  # type: ignore[arg-type]
        category=found.category,
        candidates=[classification_pb2.Candidate(category=one.category, score=one.score) for one in found.candidates],
        evidence=[
            classification_pb2.Evidence(start=one.start, end=one.end, rule=one.rule, kind=one.kind)
            for one in found.evidence
        ],
        reason=found.reason,
        version=found.version,
    )


def _targets(city: City, found: Assessment, division: str, origin: str, emergency: bool) -> list[pb.Target]:
    """Where each matter would go from here and now: all of a mixed emergency, else the likely ones."""
    score = {one.category: one.score for one in found.candidates}
    targets = []
    for category in dict.fromkeys((*found.incidents, *tuple(score)[:5])):
        question = Question(category, division, origin, now(), emergency)
        chosen = choose(city, question)
        if not chosen:
            continue
        targets.append(
            pb.Target(
                category=category,
                agency=chosen[0].agency,
                agency_name=city.agency[chosen[0].agency].name,
                support=[one.agency for one in chosen if one.role == Role.SUPPORT],
                basis=chosen[0].basis,
                score=score.get(category, 0.0),
            )
        )
    return targets


def _level_guides(city: City, category: str) -> list[pb.LevelGuide]:
    """The guides that hold for one level of a category only."""
    return [
        pb.LevelGuide(level=_LEVELS[Level(one.level)], guide=_guide(one))  # type: ignore[arg-type]
        for one in city.guides
        if one.category == category and one.level
    ]


def _guide(guide: Guide | None) -> pb.Guide | None:
    return pb.Guide(prompt=guide.prompt, ask=guide.ask, tell=guide.tell) if guide else None
