"""What `play` tells: one JSON line a call, or lines for people with a bar below and a summary at the end.

Only counts are kept, never the calls, so a run may be as long as it likes. The caller's words are shown
shortened, here and in the demo only; no log ever holds them.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from callmesh.api.v1 import case_pb2
from callmesh.cli import terminal, wording
from callmesh.cli.calls import Call, Malformed
from callmesh.cli.desk import Settled
from callmesh.domain.directory import City
from callmesh.domain.names import short

STYLES = {"emergency": "bold red", "ask": "yellow", "route": "green"}


def record(settled: Settled) -> dict[str, Any]:
    """A call's JSON line: where it went and why."""
    case, machine = settled.case, settled.machine
    return {
        "line": settled.call.line,
        "case": case.name,
        "verdict": wording.verdict(machine.verdict),
        "level": wording.level(case.classification.level),
        "category": case.classification.category,
        "agency": settled.lead,
        "state": wording.state(case),
        "reason": reason(settled),
        "decided_by": "operator" if case.classification.by_person else "machine",
        "origin": case.origin,
        "owner": case.owner,
        "support": [one.agency for one in case.referrals if one.role == 2],
        "plan": case.plan,
        "division": case.division,
    }


def reason(settled: Settled) -> str:
    """One sentence in zh-CN: what the machine saw, what a person said, why that agency."""
    decided = settled.case.classification
    parts = [settled.machine.reason, decided.reason if decided.by_person else "", settled.basis]
    return "; ".join(part for part in parts if part)


class Totals:
    """Counts of a run."""

    def __init__(self) -> None:
        self.settled = self.malformed = self.failed = self.problems = 0
        self.verdicts: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.agencies: Counter[str] = Counter()
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning of the run."""
        return time.monotonic() - self._begun

    def settle(self, settled: Settled) -> None:
        """Counts one more destination."""
        self.settled += 1
        self.verdicts[wording.verdict(settled.machine.verdict)] += 1
        self.agencies[settled.lead] += 1

    @property
    def status(self) -> int:
        """The exit status of the run."""
        if self.failed or self.problems:
            return 1
        return 3 if self.malformed else 0


class JsonReport:
    """One JSON object a line on standard output, as soon as it is known."""

    def __init__(self) -> None:
        self.totals = Totals()

    def malformed(self, wrong: Malformed) -> None:
        """A line was skipped."""
        self.totals.malformed += 1
        _out({"line": wrong.line, "error": wrong.error})

    def settled(self, settled: Settled) -> None:
        """It is known where a call went."""
        self.totals.settle(settled)
        _out(record(settled))

    def ended(self, settled: Settled, case: case_pb2.Case) -> None:
        """A case reached its end."""
        self.totals.states[wording.state(case)] += 1

    def failed(self, call: Call, case: str, error: str) -> None:
        """A call was not played to its end."""
        self.totals.failed += 1
        _out({"line": call.line, "case": case, "error": error})

    def problem(self, case: str, error: str) -> None:
        """A partner was refused something."""
        self.totals.problems += 1
        _out({"case": case, "error": error})


def _out(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Report:
    """Lines on standard output and a bar on standard error, only where it is a terminal."""

    def __init__(self, city: City, total: int | None, *, lines: bool = True) -> None:
        self.totals = Totals()
        self.city, self._lines = city, lines
        bar = terminal.console(stderr=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=bar,
            transient=True,
            disable=not bar.is_terminal,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self.progress.add_task("calls", total=total)
        self._console = bar if bar.is_terminal and sys.stdout.isatty() else terminal.console()
        self.width = self._console.width if sys.stdout.isatty() else 120

    def malformed(self, wrong: Malformed) -> None:
        """A line was skipped."""
        self.totals.malformed += 1
        self._say(wrong.line, "skipped", "", wrong.error, "dim")

    def settled(self, settled: Settled) -> None:
        """It is known where a call went."""
        self.totals.settle(settled)
        self.progress.advance(self._task)
        if not self._lines:
            return
        case = settled.case
        self._print(_columns(settled, self.city, self.width))
        self._print(Text(f"{'':7}{wording.shorten(reason(settled), self.width - 7)}", style="dim"))
        if case.flags:
            self._print(Text(f"{'':7}flags: {', '.join(case.flags)}", style="yellow"))

    def ended(self, settled: Settled, case: case_pb2.Case) -> None:
        """A case reached its end."""
        self.totals.states[wording.state(case)] += 1

    def failed(self, call: Call, case: str, error: str) -> None:
        """A call was not played to its end."""
        self.totals.failed += 1
        self.progress.advance(self._task)
        self._say(call.line, "FAILED", case, error, "bold red")

    def problem(self, case: str, error: str) -> None:
        """A partner was refused something."""
        self.totals.problems += 1
        self._print(Text(f"{'':6} problem    {case}  {error}", style="red"))

    def summary(self, closed: bool) -> None:
        """The end of a run."""
        totals = self.totals
        self._print(Text(""))
        self._print(Text(totals_sentence(totals, closed)))
        if totals.agencies:
            self._print(by_agency(totals.agencies, self.city))

    def _say(self, line: int, what: str, case: str, text: str, style: str) -> None:
        self._print(Text(f"{line:>6} {what:<10} {case}{'  ' if case else ''}{text}", style=style))

    def _print(self, what: Text | Table) -> None:
        self._console.print(what, soft_wrap=isinstance(what, Text))


def _columns(settled: Settled, city: City, width: int) -> Text:
    """One line: number, the case's last six signs, verdict, level, category, where to, what was said."""
    case, verdict = settled.case, wording.verdict(settled.machine.verdict)
    category = city.category.get(case.classification.category)
    said = max(width - 79, 0)
    line = Text(f"{settled.call.line:>6} {short(case.name)} ")
    line.append(f"{verdict:<10}", style=STYLES.get(verdict, ""))
    line.append(f"{wording.level(case.classification.level):<3}")
    line.append(wording.fit(category.zh if category else case.classification.category or "未定类", 18) + " ")
    line.append("→ ", style="dim")
    line.append(wording.fit(whither(settled, city), 30) + " ", style="bold")
    line.append(wording.shorten(settled.call.text, said) if said > 4 else "", style="dim")
    return line


def whither(settled: Settled, city: City) -> str:
    """The destination for people."""
    state = wording.state(settled.case)
    name = agency(settled.lead, city)
    return {"answered": f"answered by {settled.lead}", "classified": f"kept by {name}"}.get(state, name)


def agency(agency_id: str, city: City) -> str:
    """An agency's id and name."""
    known = city.agency.get(agency_id)
    return f"{agency_id} {known.name}" if known else agency_id


def totals_sentence(totals: Totals, closed: bool) -> str:
    """What came of the run, in one line."""
    rate = totals.settled / totals.seconds if totals.seconds else 0
    verdicts = ", ".join(f"{count} {name}" for name, count in totals.verdicts.most_common())
    states = ", ".join(f"{count} {name}" for name, count in totals.states.most_common())
    parts = [f"{totals.settled} calls played in {wording.span(totals.seconds)} ({rate:.0f}/s): {verdicts or 'none'}"]
    parts += [f"now {states}"] if closed and states else []
    parts += [f"{totals.malformed} lines skipped"] if totals.malformed else []
    parts += [f"{totals.failed} failed"] if totals.failed else []
    parts += [f"{totals.problems} problems of partners"] if totals.problems else []
    return "; ".join(parts)


def by_agency(agencies: Counter[str], city: City, most: int = 12) -> Table:
    """How many went where, the busiest first."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("calls", justify="right")
    drawn.add_column("agency")
    for name, count in agencies.most_common(most):
        drawn.add_row(str(count), agency(name, city))
    rest = agencies.total() - sum(count for _, count in agencies.most_common(most))
    if rest:
        drawn.add_row(str(rest), f"{len(agencies) - most} more agencies", style="dim")
    return drawn
