"""The pages of the demo after its run: where the calls went, three ways, the day's figures, what next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import wording
from callmesh.cli.played import Agreement, Played, Way, agreement
from callmesh.cli.report import STYLES, agency, by_agency, reason, totals_sentence
from callmesh.domain.directory import City

AGENCIES, EXAMPLES, WRONG = 8, 2, 20
_VERDICTS = ("emergency", "ask", "route")
_PLAIN = ("cases_opened",)
_GROUPED = {"cases_by_state": "state", "cases_by_level": "level", "cases_by_channel": "channel"}


class Pages:
    """Prints them, one after the other."""

    def __init__(self, console: Console, city: City) -> None:
        self._console, self._city = console, city

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print()
        self._console.print(Text(text, style="bold cyan"))

    def say(self, text: str, style: str = "") -> None:
        """A line."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def where(self, played: Played, kept: str) -> None:
        """Where each went and why: the busiest agencies with examples, all of them counted."""
        self.title("Where they went")
        self.say(totals_sentence(played.totals, True))
        self.say("")
        self._console.print(by_agency(played.totals.agencies, self._city, 16))
        self.title("And why")
        groups: dict[str, list[Way]] = defaultdict(list)
        for way in played.ways:
            groups[way.settled.lead].append(way)
        busiest = sorted(groups, key=lambda one: -len(groups[one]))
        for name in busiest[:AGENCIES]:
            self._group(name, groups[name])
        self.say(f"every call, with agency and reason: {kept}", "dim")

    def _group(self, name: str, ways: Sequence[Way]) -> None:
        self.say(f"{agency(name, self._city)}: {len(ways)} calls", "bold")
        seen: set[str] = set()
        for way in ways:
            category = way.settled.case.classification.category
            if category in seen or len(seen) == EXAMPLES:
                continue
            seen.add(category)
            self._example(way)

    def _example(self, way: Way) -> None:
        settled, width = way.settled, self._console.width
        found = self._city.category.get(settled.case.classification.category)
        verdict = wording.verdict(settled.machine.verdict)
        line = Text("  ")
        line.append(f"{verdict:<10}", style=STYLES.get(verdict, ""))
        line.append(wording.level(settled.case.classification.level) + " ")
        line.append(wording.fit(found.zh if found else "未定类", 16) + " ")
        line.append(wording.shorten(f"“{settled.call.text}”", max(width - line.cell_len, 10)))
        self._console.print(line, soft_wrap=True)
        self._console.print(Text("            " + wording.shorten(reason(settled), width - 12), style="dim"))

    def agreement(self, ways: Iterable[Way]) -> None:
        """Information: the machine against what the calls expect."""
        found = agreement(ways)
        total = found.verdicts.total()
        if not total:
            return
        self.title("Verdicts against what the calls expect")
        self._console.print(_confusion(found))
        category = f"category {rate(found.category_right, found.category_of)}"
        self.say(f"verdict {rate(found.right, total)}, {category}; what is not sure is asked, never diverted")

    def figures(self, answer: pb.GetFiguresResponse) -> None:
        """The day's figures, each rate with numerator and denominator."""
        self.title("The day's figures")
        drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        drawn.add_column("figure")
        drawn.add_column("id", style="dim")
        drawn.add_column("value", justify="right")
        drawn.add_column("of", justify="right")
        for one in answer.figures:
            known = one.denominator or one.seconds or one.id in _PLAIN
            if known and one.unit != pb.Figure.RANK:  # the ranking has a page: callmesh stats
                drawn.add_row(one.zh, f"{one.id} {one.key}".strip(), _value(one), _of(one))
        self._console.print(drawn)
        for name, called in _GROUPED.items():
            counts = [f"{one.numerator} {one.key or 'none'}" for one in answer.figures if one.id == name]
            if counts:
                self.say(f"by {called}: {', '.join(counts)}")

    def show(self, what: RenderableType) -> None:
        """Something drawn elsewhere."""
        self._console.print(what)

    def next(self, data: Path, names: Sequence[str]) -> None:
        """Commands to try, as they are to be typed."""
        self.title("Try next, in another terminal")
        self.say(f"export CALLMESH_DATA_DIR={data.resolve()}")
        for name in names[:1]:
            self.say(f"callmesh trace {name.removeprefix('cases/')}")
        self.say("""echo '{"text": "家里停水两天了", "channel": "sms"}' | callmesh play -""")
        self.say("callmesh doctor")

    def wrong(self, played: Played) -> None:
        """What did not end as it should have."""
        if not played.wrong:
            self.say("every call ended as its script implies", "bold green")
            return
        self.title("Not as it should be")
        for one in played.wrong[:WRONG]:
            self.say(one, "red")
        if len(played.wrong) > WRONG:
            self.say(f"and {len(played.wrong) - WRONG} more", "red")


def picks(ways: Sequence[Way]) -> list[tuple[str, Way]]:
    """Three ways worth a look: many agencies at once, returned and reassigned, reopened."""
    emergencies = [one for one in ways if one.end.emergency]
    found = [
        ("An emergency: several agencies at once", max(emergencies, key=_joint, default=None)),
        ("Returned (退单) and reassigned (改派)", max(ways, key=lambda one: one.hops, default=None)),
        ("Not solved: reopened (重办), a second round", max(ways, key=lambda one: one.end.round, default=None)),
    ]
    return [
        (title, way)
        for place, (title, way) in enumerate(found)
        if way is not None and (place != 1 or way.hops) and (place != 2 or way.end.round > 1)
    ]


def _joint(way: Way) -> tuple[bool, int]:
    return bool(way.end.plan), len(way.end.referrals)


def rate(part: int, whole: int) -> str:
    """5/8 (62.5 %)."""
    return f"{part}/{whole} ({100 * part / whole:.1f} %)" if whole else f"{part}/{whole}"


def _value(one: pb.Figure) -> str:
    if one.seconds:
        return wording.span(one.seconds)
    return f"{100 * one.numerator / one.denominator:.1f} %" if one.denominator else str(one.numerator)


def _of(one: pb.Figure) -> str:
    return f"{one.numerator}/{one.denominator}" if one.denominator else ""


def _confusion(found: Agreement) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("expected")
    for name in _VERDICTS:
        drawn.add_column(f"said {name}", justify="right")
    for wanted in _VERDICTS:
        drawn.add_row(wanted, *(str(found.verdicts[wanted, said]) for said in _VERDICTS))
    return drawn
