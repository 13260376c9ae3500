"""The result for people: what was measured on what, floors, figures beside their floors, targets.

Tables are drawn from the same values that --json prints; nothing is computed here but words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from callmesh.cli.bench.targets import faults, judge
from callmesh.cli.output import size, table

Row = tuple[str, ...]
_COMMANDS = {
    "OpenCase": "OpenCase",
    "ClassifyCase": "ClassifyCase",
    "TransferCase": "TransferCase",
    "delivered": "transfer -> partner holds it",
    "accept": "accept (stream)",
    "progress": "progress (stream)",
    "resolve": "resolve (stream)",
    "RecordFollowUp": "RecordFollowUp",
    "CloseCase": "CloseCase",
    "flow": "whole flow",
}


def show(found: Mapping[str, Any]) -> None:
    """All tables."""
    _environment(found["environment"])
    if "floors" in found:
        columns = ("floor", ">per second", ">p50 ms", ">p99 ms", ">CPU us", "by process")
        _titled("Floors", columns, _floors(found["floors"]))
    if "flows" in found:
        _flows(found)
    if "latency" in found:
        rows = [_latency(name, found["latency"][key]) for name, key in (("mesh", "mesh"), ("bare pipeline", "bare"))]
        title = f"Transfer call -> partner holds it, {found['latency']['rate']:g} a second, in turn"
        _titled(title, ("", ">samples", ">p50 ms", ">p99 ms", ">longest ms", ">missing"), rows)
    others = [row for name, rows in _OTHERS.items() if name in found for row in rows(found[name])]
    if others:
        _titled("Start, streams, fairness, growth, history, classify", ("", ">figure", "what it is"), others)
    _titled("Targets", ("target", ">figure", ">floor", ">ratio", ">must be", ""), _targets(found))
    if found["environment"]["plan"]["quick"]:
        click.echo("A quick run: its rounds are too short to judge targets by; run without --quick for that.")


def _titled(title: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    click.echo(f"\n{title}\n")
    table(columns, rows)


def _environment(told: Mapping[str, Any]) -> None:
    machine, mesh = told["machine"], told["mesh"]
    versions = ", ".join(f"{name} {one}" for name, one in told["versions"].items())
    hardware = f"{machine['processor']}, {machine['cores']} cores, {size(machine['memory_bytes'])}"
    below = f"{machine['system']}, {machine['file_system']}, load before {machine['load_before']}"
    click.echo(f"machine     {hardware}, {below}")
    click.echo(f"versions    {versions}")
    click.echo(f"durability  sync_interval {told['durability']['sync_interval']}, 1 replica, file storage")
    click.echo(f"mesh        {', '.join(mesh['services'])}; {mesh['tracing']}")
    if mesh["missing"]:
        click.echo(f"            NOT measured, not installed: {', '.join(mesh['missing'])}")


def _floors(floors: Mapping[str, Any]) -> Iterator[Row]:
    shown = (
        ("gRPC echo, 1 in flight", floors["echo"]["one"]),
        ("gRPC echo, many in flight", floors["echo"]["many"]),
        ("JetStream publish + ack, 1 in flight", floors["publish"]["one"]),
        ("JetStream publish + ack, many in flight", floors["publish"]["many"]),
        ("JetStream fetch + ack, batches of 64", floors["fetch"]),
        ("bare pipeline, 1 in flight", floors["pipeline"]["one"]),
        ("bare pipeline, many in flight", floors["pipeline"]["many"]),
    )
    for name, one in shown:
        if one:
            yield name, f"{one['per_second']:.0f}", *_times(one), f"{one['cpu_us']:.0f}", _split(one)


def _flows(found: Mapping[str, Any]) -> None:
    flows, bare = found["flows"], found["flows"]["bare"]
    rows = [_cost("mesh, per fact", flows), _cost("bare pipeline, per message", bare)]
    _titled("Cost, rounds in turn", ("CPU", ">us", ">cores in use", "by process, us"), rows)
    counted = flows["counted"]
    rates = f"{flows['flows_per_second']:.0f} flows/s = {flows['facts_per_second']:.0f} facts/s"
    drained = f"all consumers done {flows['drained_after_seconds']:.2f} s after the last reply"
    sink = f"{flows['spans_per_flow']:.0f} spans a flow (sink: {flows['sink_cpu_us']:.0f} us a fact, not counted)"
    lives = f"{counted['opened']} opened, {counted['whole']} whole lives of {flows['facts_per_flow']} facts"
    click.echo(f"{rates}; {drained}; {sink}")
    click.echo(f"read back from the log: {lives}, {sum(faults(counted).values())} lost, doubled or refused")
    for what, count in counted["failed"].items():
        click.echo(f"  refused {count} times: {what}")
    for name, life in flows["odd"].items():
        click.echo(f"  {name}: {' '.join(life) or 'no fact at all'}")
    columns = ("command", ">count", ">p50 ms", ">p99 ms", ">x floor p50", "floor")
    _titled("Commands under load", columns, _commands(flows, bare))


def _commands(flows: Mapping[str, Any], bare: Mapping[str, Any]) -> Iterator[Row]:
    """Each command beside the bare pipeline's call (gRPC + fsynced publish) at the same concurrency."""
    for name, says in _COMMANDS.items():
        if name not in flows["commands"]:
            continue
        one = flows["commands"][name]
        unary = name[0].isupper() and bare["p50_ms"] > 0
        times = f"{one['p50_ms'] / bare['p50_ms']:.1f}" if unary else ""
        floor = f"bare gRPC + publish, as many in flight: {bare['p50_ms']:.1f} ms" if unary else ""
        yield says, str(one["count"]), *_times(one), times, floor


def _latency(name: str, one: Mapping[str, Any]) -> Row:
    return name, str(one["count"]), *_times(one), f"{one['max_ms']:.1f}", str(one["missing"])


def _start(one: Mapping[str, Any]) -> Iterator[Row]:
    yield "start", f"{one['seconds']:.2f} s", f"empty folder to all SERVING; slowest {one['slowest_seconds']:.2f} s"
    each = ", ".join(f"{name} {size(held)}" for name, held in one["resident_by_process"].items())
    yield "idle memory", size(one["resident_bytes"]), f"resident: {each}"
    yield "", size(one["proportional_bytes"]), "proportional: pages that processes share counted once"
    yield "idle CPU", f"{one['idle_cpu_percent']:.1f} %", "of one core, all processes"


def _streams(one: Mapping[str, Any]) -> Iterator[Row]:
    yield "stream memory", size(one["bytes_per_stream"]), f"of the gateway, each of {one['streams']} idle streams"
    for name, says in (("first", "all come"), ("return", "all come back")):
        visit = one[name]
        why = "; ".join(f"{count} x {reason}" for reason, count in visit["why"].items())
        told = f"{visit['welcomed']} welcomed, {visit['refused']} refused, slowest {visit['max_ms']:.0f} ms {why}"
        yield says, f"{visit['seconds']:.2f} s", told
    yield "idle streams' CPU", f"{one['idle_cpu_percent']:.1f} %", "of one core, the gateway"


def _growth(one: Mapping[str, Any]) -> Iterator[Row]:
    for name in ("empty", "full"):
        many = one["cases"] if name == "full" else 200
        for part in ("read", "append"):
            p50, p99 = _times(one[name][part])
            yield f"{part}, {many} cases", f"{p50} ms", f"p99 {p99} ms"
    for name, says in (("follow", "read model, followed"), ("rebuild", "read model, rebuilt")):
        if "tracking" in one:
            built, same = one["tracking"][name], "equal" if one["tracking"]["equal"] else "NOT EQUAL"
            rate = f"{built['facts_per_second']:.0f}/s, {built['cpu_us']:.0f} us of CPU each"
            yield says, f"{built['seconds']:.1f} s", f"{built['facts']} facts, {rate}; both models are {same}"


def _history(one: Mapping[str, Any]) -> Iterator[Row]:
    past = one["past"]
    yield "the past", f"{one['cases']} cases", f"{past['facts']} facts, modelled at {past['facts_per_second']:.0f}/s"
    for name in ("empty", "full"):
        for part, says in (("transfer", "transfer -> partner"), ("lateness", "limit -> fact")):
            p50, p99 = _times(one[name][part])
            told = f"p99 {p99} ms, {one[name][part]['count']} samples"
            yield (
                f"{says}, {name} log",
                f"{p50} ms",
                told + (f", {one[name]['early']} early" if one[name]["early"] else ""),
            )


def _classify(one: Mapping[str, Any]) -> Iterator[Row]:
    for name, says in (("note", "a note of at most 200 characters, CPU"), ("letter", "a letter of 10,000, CPU")):
        p50, p99 = _times(one[name])
        yield name, f"{p50} ms", f"p50; p99 {p99} ms; {says}"
    yield "notes", f"{one['notes_per_second']:.0f} /s", "whole verdicts on one core"
    beside = f"scikit-learn {one['scikit_per_second']:.0f} /s" if one["scikit_per_second"] else "no scikit-learn here"
    yield "model alone", f"{one['model_per_second']:.0f} /s", beside
    yield "model", size(one["model_bytes"]), f"loaded in {one['model_load_ms']:.0f} ms"
    yield "rules", f"{one['rules_load_seconds']:.1f} s", "CPU to read and compile lexicon, patterns and model"


_FLOODS = (
    ("alone", "a partner alone"),
    ("elsewhere", "while another floods something else"),
    ("flooded", "while it floods the mesh"),
)


def _fairness(one: Mapping[str, Any]) -> Iterator[Row]:
    for name, says in _FLOODS:
        p50, p99 = _times(one[name])
        yield says, f"{p99} ms", f"p99 of {one[name]['count']} OpenCase; p50 {p50} ms"
    refused = ", ".join(f"{count} x {why}" for why, count in one["refused"].items())
    asked = f"asked for {one['asked_per_second']:.0f}/s, limit {one['limit']:g}/s; refused: {refused}"
    yield "the flooder", f"{one['served_per_second']:.1f} /s", asked
    cpu = f"CPU of its client in a round; {one['elsewhere_cpu_seconds']:.1f} s while it floods something else"
    yield "the flooder's client", f"{one['flood_cpu_seconds']:.1f} s", cpu
    yield "the quiet one", f"{sum(one['quiet_refused'].values())}", "of its calls refused"


_OTHERS = {
    "start": _start,
    "streams": _streams,
    "fairness": _fairness,
    "growth": _growth,
    "history": _history,
    "classify": _classify,
}


def _targets(found: Mapping[str, Any]) -> Iterator[Row]:
    for one in judge(found):
        target = one.target
        floor = f"{one.floor:.4g} {target.unit}" if one.floor is not None else ""
        bound = (
            f"{'>=' if target.at_least else '<='} {target.limit:g}{'x' if target.bounds_ratio else ' ' + target.unit}"
        )
        times = f"{one.ratio:.2f}x" if one.ratio is not None else ""
        yield target.says, f"{one.figure:.4g} {target.unit}", floor, times, bound, "ok" if one.ok else "SHORT"


def _cost(name: str, one: Mapping[str, Any]) -> Row:
    return name, f"{one['cpu_us']:.0f}", f"{one['cores']:.2f}", _split(one)


def _split(one: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {used:.0f}" for name, used in one["cpu_us_by_process"].items())


def _times(one: Mapping[str, Any]) -> tuple[str, str]:
    if "p50_ms" not in one:
        return "", ""
    return f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}"
