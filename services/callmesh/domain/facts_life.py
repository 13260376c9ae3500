"""Facts of a life's harder turns: dispute and designation, review of results, advice, supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.case import Annotation
from callmesh.domain.referral import Referral


@dataclass(frozen=True, slots=True)
class DisputeOpened:
    """A commander must decide. `granted`: a second return was granted, the referral ended; else a denial is
    contested, and the agency keeps the referral, its limits running, until the commander has decided."""

    referral: str
    reason: str
    granted: bool = False
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class JurisdictionDesignated:
    """A commander decided. A referral that its agency holds already comes again under its name, now binding."""

    referrals: tuple[Referral, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ResolutionSentBack:
    """The result was not good enough."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolutionApproved:
    """The result was approved."""

    referral: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaseAnnotated:
    """An advisory party's note."""

    annotation: Annotation


@dataclass(frozen=True, slots=True)
class SupervisorChanged:
    """Another duty leader watches the case; its owner of record stays."""

    supervisor: str
