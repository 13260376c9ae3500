"""A run for people and machines: lines of text, JSON, JUnit XML. (The page is in page.py.)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as Xml

from callmesh.conform.run import Result, Run, Verdict
from callmesh.conform.scenario import Scenario

WORDS = {Verdict.PASS: "通过", Verdict.FAIL: "不通过", Verdict.NOT_SHOWN: "未能验证"}
_CLASS = "callmesh.conform"


def heading(run: Run) -> str:
    """When, against whom, how."""
    how = "mTLS" if run.secure else "plain, as for development"
    agency = run.agency or "any agency"
    return f"callmesh conform, {run.began:%Y-%m-%d %H:%M:%S} UTC, {run.target}, {agency}, seed {run.seed}, {how}"


def lines(run: Run, result: Result) -> Iterator[str]:
    """A result; what did not pass with rule, evidence and the command to play it again."""
    scenario = result.scenario
    mark = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL"}.get(result.verdict, result.verdict)
    yield f"{mark:<10} {scenario.name:<14} {result.seconds:6.2f}s  {scenario.zh}"
    if result.verdict == Verdict.PASS:
        return
    yield f"           {result.why}"
    if result.verdict == Verdict.FAIL:
        yield f"           checks: {scenario.title}"
        yield f"           rule:   {scenario.source}"
        yield f"           again:  {run.reproduce(result)}"
        yield from (f"             {one}" for one in result.lines)


def summary(run: Run) -> str:
    """The totals, in one line."""
    counts = [f"{run.count(one)} {one.value}" for one in Verdict]
    verdict = "符合" if run.passed else "不符合"
    return f"{len(run.results)} scenarios: {', '.join(counts)} ({verdict})"


def record(run: Run, result: Result) -> dict[str, Any]:
    """A result's JSON line."""
    scenario = result.scenario
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "zh": scenario.zh,
        "rule": scenario.source,
        "verdict": result.verdict.value,
        "why": result.why,
        "seconds": round(result.seconds, 3),
        "again": run.reproduce(result),
        "evidence": [] if result.verdict == Verdict.PASS else list(result.lines),
    }


def described(scenario: Scenario) -> dict[str, str]:
    """A scenario for `--list`."""
    return {"scenario": scenario.name, "zh": scenario.zh, "checks": scenario.title, "rule": scenario.source}


def junit(run: Run) -> bytes:
    """JUnit XML, as build servers read it; what was not shown counts as skipped."""
    seconds = sum(one.seconds for one in run.results)
    suite = Xml.Element(
        "testsuite",
        name="callmesh conform",
        tests=str(len(run.results)),
        failures=str(run.count(Verdict.FAIL)),
        errors="0",
        skipped=str(run.count(Verdict.NOT_SHOWN)),
        time=f"{seconds:.3f}",
        timestamp=f"{run.began:%Y-%m-%dT%H:%M:%S}",
    )
    properties = Xml.SubElement(suite, "properties")
    for name, value in (("target", run.target), ("agency", run.agency), ("seed", str(run.seed))):
        Xml.SubElement(properties, "property", name=name, value=value)
    for one in run.results:
        _case(suite, run, one)
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: Xml.Element, run: Run, result: Result) -> None:
    case = Xml.SubElement(suite, "testcase", classname=_CLASS, name=result.scenario.name, time=f"{result.seconds:.3f}")
    if result.verdict == Verdict.FAIL:
        failure = Xml.SubElement(case, "failure", message=_printable(result.why), type=result.scenario.source)
        failure.text = "\n".join((f"again: {run.reproduce(result)}", *map(_printable, result.lines)))
    elif result.verdict == Verdict.NOT_SHOWN:
        Xml.SubElement(case, "skipped", message=_printable(result.why))


def _printable(line: str) -> str:
    """XML has no control characters, whatever a partner put into an id."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)
