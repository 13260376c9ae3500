"""What was reported, as frozen values: who called, what was said, where, how bad. `None` stands for "not stated".

Field names equal those of protos/callmesh/api/v1/report.proto, where each is explained once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callmesh.domain.words import Consent


@dataclass(frozen=True, slots=True)
class Point:
    """A position in WGS 84 degrees."""

    longitude: float = 0.0
    latitude: float = 0.0
    source: str = ""
    accuracy: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the matter is."""

    text: str = ""
    point: Point | None = None
    landmark: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who reported."""

    number: str = ""
    subscriber: str = ""
    name: str = ""
    sex: str = ""
    contact_number: str = ""
    confidential: bool = False
    language: str = ""
    silent: bool = False
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Supplement:
    """Words added later."""

    text: str = ""
    at: datetime | None = None
    agency: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept elsewhere."""

    reference: str = ""
    media_type: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything personal about a case; sealed and erased as one."""

    caller: Caller = field(default_factory=Caller)
    narrative: str = ""
    supplements: tuple[Supplement, ...] = ()
    place: Place = field(default_factory=Place)
    attachments: tuple[Attachment, ...] = ()
    plates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """Harm and danger as counted so far."""

    trapped: int = 0
    injured: int = 0
    dead: int = 0
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalId:
    """The case's number in another system."""

    system: str = ""
    value: str = ""
