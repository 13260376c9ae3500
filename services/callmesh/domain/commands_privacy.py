"""Commands about personal data."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.oversight import Oversight


@dataclass(frozen=True, slots=True)
class RequestDisclosure:
    """Ask to see fields of the report; `allowed` are those that the release policy gives anyway."""

    referral: str
    fields: tuple[str, ...]
    reason: str
    allowed: frozenset[str] = frozenset()
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class DecideDisclosure:
    """Answer that; no `fields` means all that were asked for."""

    referral: str
    granted: bool
    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRelease:
    """Note which fields went out, and what for."""

    referral: str
    fields: tuple[str, ...]
    purpose: str


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase what persons said and who they are."""

    reason: str


PrivacyCommand = RequestDisclosure | DecideDisclosure | RecordRelease | Erase
