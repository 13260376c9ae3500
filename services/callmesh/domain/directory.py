"""The city as one immutable value: who exists, who does what, by when, and what may be shown.

A `City` is read from a folder (callmesh.directory.load), published once, and watched by every
service. It is compiled here into the look-ups that routing needs; nothing in it is code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from callmesh.domain.city_calls import CallRules, Interpreter, Line
from callmesh.domain.city_rules import FoldRule, Linking, PatrolRule, RepeatType
from callmesh.domain.city_switches import FigureRules as FigureRules
from callmesh.domain.city_switches import Policy as Policy
from callmesh.domain.city_switches import SupervisionRules as SupervisionRules
from callmesh.domain.spans import Calendar as Calendar
from callmesh.domain.spans import Span as Span
from callmesh.domain.words import EmergencyRule, Level, Role


@dataclass(frozen=True)
class Division:
    """An administrative division (GB/T 2260; towns and grids carry longer codes).

    `rings` are outer rings of (longitude, latitude) in WGS 84 degrees; towns may have none.
    """

    code: str
    name: str
    name_en: str
    parent: str = ""
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()


@dataclass(frozen=True)
class Agency:
    """A body that takes part (机构). `hours` is "24h" or like "mon-fri 08:30-17:30".

    An `advisory` one may add its note to any case.
    `roles` are those of domain.access that its people may take beyond the ordinary ones: commander, supervisor,
    follow_up, ops; and desk (受理台), which is no person's: an agency that answers calls, with wider limits.
    """

    id: str
    name: str
    name_en: str
    kind: str
    divisions: tuple[str, ...]
    parent: str = ""
    hours: str = "24h"
    phone: str = ""
    entry: bool = False
    backup: str = ""
    profile: str = ""
    advisory: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Category:
    """One leaf of the catalogue (派单目录). `lead` and `support` are kinds of agency, "-" is nobody."""

    group: str
    group_zh: str
    id: str
    zh: str
    en: str
    lead: str
    support: tuple[str, ...]
    emergency: EmergencyRule
    level: Level
    profile: str
    note: str = ""


@dataclass(frozen=True)
class Route:
    """An exception to the catalogue: for this category, from this kind of origin, in this division."""

    category: str
    origin: str
    division: str
    lead: str
    support: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Guide:
    """Handling guide (处置指引): what the operator asks, does and tells the caller.

    With a `level` ("p0" to "p3") it holds for cases of that level only, before the category's general one. English
    texts (`_en`) may be missing; where they stand there is one for each line in Chinese.
    """

    category: str
    prompt: str
    ask: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()
    level: str = ""
    prompt_en: str = ""
    ask_en: tuple[str, ...] = ()
    tell_en: tuple[str, ...] = ()


@dataclass(frozen=True)
class LimitProfile:
    """The three limits of one profile (domain.md section 3) and where they come from.

    A warning comes `warn_before` the end of a longer limit in the same sort of time, else after
    `warn_percent` of a limit; without either there is none.
    """

    id: str
    accept: Span
    feedback: Span
    resolve: Span
    source: str = ""
    warn_before: Span | None = None
    warn_percent: int = 0


@dataclass(frozen=True)
class ReleasePolicy:
    """Which personal fields an agency kind may see for which categories ("*" is any)."""

    kinds: tuple[str, ...]
    categories: tuple[str, ...]
    fields: tuple[str, ...]
    purpose: str
    purpose_en: str = ""


@dataclass(frozen=True)
class PlanTask:
    """One body of a response plan and what it is told to do."""

    kind: str
    role: Role
    task: str
    task_en: str = ""


@dataclass(frozen=True)
class Plan:
    """Response plan (预案): one instruction that tasks several agencies at once."""

    id: str
    name: str
    name_en: str
    category: str
    tasks: tuple[PlanTask, ...]


@dataclass(frozen=True)
class ReturnReason:
    """A code an agency may give when it returns a referral (退单)."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True)
class RejectionGround:
    """A ground on which a case may be refused (不予受理). `explain`: it needs words, e.g. which court has it."""

    code: str
    zh: str
    en: str
    explain: bool = False


@dataclass(frozen=True)
class Device:
    """A kiosk or sensor whose place is fixed (domain.md section 5, row 20)."""

    id: str
    division: str
    place: str
    longitude: float
    latitude: float


@dataclass(frozen=True)
class City:
    """Everything a folder under deploy/city states, validated. `version` names its content."""

    id: str
    name: str
    name_en: str
    policy: Policy
    divisions: tuple[Division, ...]
    agencies: tuple[Agency, ...]
    categories: tuple[Category, ...]
    profiles: tuple[LimitProfile, ...]
    routes: tuple[Route, ...] = ()
    guides: tuple[Guide, ...] = ()
    releases: tuple[ReleasePolicy, ...] = ()
    plans: tuple[Plan, ...] = ()
    return_reasons: tuple[ReturnReason, ...] = ()
    devices: tuple[Device, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    figures: FigureRules = field(default_factory=FigureRules)
    version: str = ""
    supervision: SupervisionRules = field(default_factory=SupervisionRules)
    linking: Linking = field(default_factory=Linking)
    repeat_types: tuple[RepeatType, ...] = ()
    fold_rules: tuple[FoldRule, ...] = ()
    patrol_rules: tuple[PatrolRule, ...] = ()
    calls: CallRules = field(default_factory=CallRules)
    lines: tuple[Line, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    grounds: tuple[RejectionGround, ...] = ()

    @cached_property
    def agency(self) -> dict[str, Agency]:
        """Agencies by id."""
        return {one.id: one for one in self.agencies}

    @cached_property
    def division(self) -> dict[str, Division]:
        """Divisions by code."""
        return {one.code: one for one in self.divisions}

    @cached_property
    def category(self) -> dict[str, Category]:
        """Categories by id."""
        return {one.id: one for one in self.categories}

    @cached_property
    def profile(self) -> dict[str, LimitProfile]:
        """Limit profiles by id."""
        return {one.id: one for one in self.profiles}

    @cached_property
    def plan(self) -> dict[str, Plan]:
        """Response plans by id."""
        return {one.id: one for one in self.plans}

    @cached_property
    def guide(self) -> dict[str, Guide]:
        """The general guide of each category."""
        return {one.category: one for one in self.guides if not one.level}

    def guide_at(self, category: str, level: Level) -> Guide | None:
        """The guide of a category for a level, else the general one."""
        own = (one for one in self.guides if one.category == category and one.level == level.value)
        return next(own, self.guide.get(category))

    @cached_property
    def device(self) -> dict[str, Device]:
        """Devices by id."""
        return {one.id: one for one in self.devices}

    @cached_property
    def return_reason(self) -> dict[str, ReturnReason]:
        """Return reasons by code."""
        return {one.code: one for one in self.return_reasons}

    def numbers(self, agency: str) -> tuple[str, ...]:
        """What a call to the agency rings, in order; () when it has no telephone here."""
        return next((one.numbers for one in self.lines if one.agency == agency), ())

    def interpreter(self, language: str) -> Interpreter | None:
        """Who interprets a language."""
        return next((one for one in self.interpreters if one.language == language), None)

    @cached_property
    def agencies_of_kind(self) -> dict[str, tuple[Agency, ...]]:
        """Agencies of each kind, in the order of the file."""
        found: dict[str, list[Agency]] = {}
        for one in self.agencies:
            found.setdefault(one.kind, []).append(one)
        return {kind: tuple(members) for kind, members in found.items()}

    def lineage(self, code: str) -> tuple[str, ...]:
        """The division and its parents, lowest first; () for an unknown code."""
        found: list[str] = []
        while code in self.division and code not in found:
            found.append(code)
            code = self.division[code].parent
        return tuple(found)
