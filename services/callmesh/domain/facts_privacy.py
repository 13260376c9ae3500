"""Facts about personal data: what an agency asked to see, what went out to it and what for, and that all is erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DisclosureRequested:
    """The agency of a referral asks to see `fields` beyond its release policy."""

    referral: str
    agency: str
    fields: tuple[str, ...]
    reason: str
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisclosureDecided:
    """The answer; `fields` are those that were granted."""

    referral: str
    agency: str
    granted: bool
    fields: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class DataReleased:
    """More personal fields went out with a later delivery. Those of the first one stand in ReferralReceived."""

    referral: str
    agency: str
    fields: tuple[str, ...]
    purpose: str


@dataclass(frozen=True, slots=True)
class CaseErased:
    """The case's personal data was erased; `reason` stays readable for ever."""

    reason: str


PrivacyBody = DisclosureRequested | DisclosureDecided | DataReleased | CaseErased
