"""What happened and what to say, in the language of the page.

A fact comes as ids, codes and counts (`Said`); its sentence stands in domain/telling.py, and here each noun gets the
name that the city's data have for it. Texts that the city states in Chinese (guides, tasks, purposes) are told in
English where the city states that too, else as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from callmesh.api.v1 import (
    classification_pb2,
    classification_service_pb2,
    common_pb2,
    tracking_service_pb2,
)
from callmesh.console import terms
from callmesh.console.words import Words
from callmesh.domain.directory import Guide
from callmesh.domain.names import short
from callmesh.domain.telling import tell
from callmesh.domain.words import Level

_RELEASING = ("ReferralReceived", "DataReleased")


@dataclass(frozen=True, slots=True)
class Release:
    """Personal data that went out: what, to whom, what for, and when (seconds since 1970)."""

    agency: str
    fields: str
    purpose: str
    at: int


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells in one person's language."""

    words: Words

    @property
    def english(self) -> bool:
        """Whether the page is English."""
        return self.words.language == "en"

    def event(self, entry: tracking_service_pb2.TimelineEntry) -> str:
        """One line of the timeline; the log's own sentence when tracking is too old to say more."""
        if not entry.HasField("said"):
            return entry.event.summary
        said = {field.name: value for field, value in entry.said.ListFields()}
        return tell(entry.event.kind, said, self._name, self.english)

    def releases(self, timeline: tracking_service_pb2.Timeline) -> Iterator[Release]:
        """Every release of personal data, oldest first."""
        for entry in timeline.entries:
            said = entry.said
            if entry.event.kind in _RELEASING and said.fields:
                fields, purpose = self.fields(said.fields), self.purpose(said.purpose)
                yield Release(self.words.agency(said.agency), fields, purpose, entry.event.at.seconds)

    def fields(self, names: Iterable[str]) -> str:
        """Personal fields, in a row."""
        return self._row(self.words.pick(terms.DATA.get(one, (one, one))) for one in names)

    def purpose(self, text: str) -> str:
        """What personal data went out for; the city's English for it, if there is one."""
        policies = self.words.city.releases if self.words.city else ()
        told = next((one.purpose_en for one in policies if one.purpose == text and one.purpose_en), text)
        return (told if self.english else text) or self.words.pick(("未注明", "not stated"))

    def task(self, text: str) -> str:
        """What a response plan asks of an agency."""
        plans = self.words.city.plans if self.words.city else ()
        tasks = (task for plan in plans for task in plan.tasks)
        told = next((one.task_en for one in tasks if one.task == text and one.task_en), text)
        return told if self.english else text

    def guide(self, category: str, level: int, found: classification_service_pb2.Guide) -> dict[str, Any]:
        """What to say first, ask and tell: as it was suggested, in English by the city's data."""
        city = self.words.city if self.english else None
        words = Level(f"p{level - 1}") if city and level else Level.P2
        known = city.guide_at(category, words) if city else None
        if known and known.prompt_en:
            return {"prompt": known.prompt_en, **_lines(known)}
        return {"prompt": found.prompt, "ask": list(found.ask), "tell": list(found.tell)}

    def why(self, judged: classification_pb2.Classification) -> str:
        """Why the machine judges so. Its own sentence is Chinese; in English it is made of the verdict."""
        if not self.english:
            return judged.reason
        category = self.words.category(judged.category) if judged.category else ""
        if judged.verdict == common_pb2.VERDICT_EMERGENCY:
            return f"Words of danger: handle it as {category or 'an emergency'}"
        if judged.verdict == common_pb2.VERDICT_ROUTE:
            return f"No danger in the words: {category}"
        return f"Perhaps {category}: ask further" if category else "Not clear yet: ask further"

    def _row(self, names: Iterable[str]) -> str:
        return (", " if self.english else "、").join(names)

    def _tasked(self, agencies: Iterable[tracking_service_pb2.TaskedAgency] | None) -> str:
        words = self.words
        return self._row(f"{words.agency(one.agency)} ({words.role(one.role)})" for one in agencies or ())

    def _name(self, noun: str, value: Any) -> str:
        words = self.words
        names: dict[str, Callable[[Any], str]] = {
            "agency": words.agency,
            "by": words.agency,
            "tasked": self._tasked,
            "category": words.category,
            "level": lambda level: words.level(level or 0),
            "emergency": lambda _: words.pick(("紧急", "emergency")),
            "channel": words.channel,
            "plan": words.plan,
            "reason": words.return_reason,
            "ground": words.ground,
            "limit": lambda limit: words.limit(limit or 0),
            "supervision": lambda level: words.pick(terms.COLOUR.get(level or 0, (str(level), str(level)))),
            "fields": lambda fields: self.fields(fields or ()),
            "purpose": lambda text: self.purpose(text or ""),
            "case": lambda name: short(str(name or "")),
            "rule": words.patrol_rule,
            "type": words.repeat_type,
            "stage": lambda stage: words.repeat_stage(stage or 0),
            "leg": lambda state: words.leg(state or 0),
            "why": lambda reason: words.leg_reason(reason or 0),
            "language": lambda tag: words.pick(terms.LANGUAGE.get(tag, (tag, tag))),
        }
        shown = names.get(noun)
        return shown(value) if shown else str(value or (0 if noun == "count" else ""))


def _lines(guide: Guide) -> dict[str, list[str]]:
    return {"ask": list(guide.ask_en or guide.ask), "tell": list(guide.tell_en or guide.tell)}
