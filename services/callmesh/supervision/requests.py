"""Requests about repeated matters, mediation and findings -> commands of the domain."""

from __future__ import annotations

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.domain import commands_matters as c
from callmesh.domain.decide_repeats import WORDS
from callmesh.domain.errors import Invalid, missing
from callmesh.domain.words import RepeatStage
from callmesh.ledger.wire import enum_numbers

_STAGES = {number: word for word, number in enum_numbers(RepeatStage, case_pb2.Repeat.Stage.DESCRIPTOR).items()}


def mediation(request: pb.RecordMediationRequest) -> c.RecordMediation:
    """Raises Invalid by field."""
    return c.RecordMediation(_short("outcome", request.outcome), request.settled)


def repeat_step(request: pb.AdvanceRepeatRequest) -> c.AdvanceRepeat:
    """Raises Invalid by field."""
    stage = _STAGES.get(request.stage)
    if stage is None:
        raise missing("stage", "核查步骤 (梳理、研判、流转、督办、复核)")
    return c.AdvanceRepeat(stage, _short("text", request.text), request.settled)


def rectified(request: pb.RectifyFindingRequest) -> c.RectifyFinding:
    """Raises Invalid by field."""
    return c.RectifyFinding(request.finding, _short("note", request.note))


def verified(request: pb.VerifyFindingRequest) -> c.VerifyFinding:
    """Raises Invalid by field."""
    return c.VerifyFinding(request.finding, request.mended, _short("note", request.note))


def _short(name: str, text: str) -> str:
    if len(text) > WORDS:
        raise Invalid(f"{name} is too long", f"内容过长, 至多 {WORDS} 字", {name: f"at most {WORDS} characters"})
    return text
