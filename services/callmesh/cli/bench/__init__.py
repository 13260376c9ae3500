"""`callmesh bench`: how fast, how cheap, how large, beside floors measured in the same run.

plan.py says what is run, run.py in which order; a section is the module of its name. worker.py and hands.py
are the two ends of a child process with a role (roles/): floors, clients and the trace sink are processes of
their own, so no client's work is mistaken for the mesh's. samples.py makes messages of real size, measure.py
counts, targets.py judges, report.py and --json tell. Nothing here is imported by a service.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import click

from callmesh.cli.bench.plan import HISTORY, MEANINGS, SECTIONS, Plan, quick
from callmesh.cli.bench.targets import faults
from callmesh.cli.output import BadInput, Failure, Manual, json_line

_SECTIONS = "\n".join(f"{name:8} {meaning}" for name, meaning in MEANINGS.items())
_EXITS = """\
0  measured, and nothing was lost or doubled (targets that were missed are shown, not an error)
1  a case was lost or doubled, or something could not be started; the message says what
2  wrong usage or wrong input"""
_READING = """\
A floor is what the same parts cost with nothing of the mesh in them: a gRPC echo, a JetStream publish that
is on disk when it is acknowledged, a fetch, and the bare pipeline of the three. It is measured in this run,
in turn with the mesh, so a ratio means the same on a fast and on a slow machine; absolute figures do not.
Flows a second are judged by their figure; the ratio beside it says what part of the bare pipeline's rate they are.
CPU is user and system time of all processes, clients too, divided by facts stored (bare: by messages).
Everything is on: fsync before acknowledgement, all services, every span exported. Medians of short rounds."""
_EXAMPLES = """\
callmesh bench                             everything, about twenty minutes
callmesh bench --quick                     everything, small, in two minutes
callmesh bench --only flows --flows 2000   throughput, cost and times of the commands
callmesh bench --history                   does a past of 200,000 closed cases cost anything? some minutes
callmesh bench --json > today.json         every figure, and `targets` with each ratio by name"""


@click.command(
    "bench",
    cls=Manual,
    sections={"Sections": _SECTIONS, "Reading it": _READING, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.option("--quick", "small", is_flag=True, help="Small sizes, one round: shows that it works, not how fast.")
@click.option("--only", multiple=True, type=click.Choice(SECTIONS), help="Only this section; may be repeated.")
@click.option("--history", "with_past", is_flag=True, help="The section history, and no other unless named by --only.")
@click.option("--flows", type=click.IntRange(1, 100_000), default=600, help="Flows a round.")
@click.option("--in-flight", type=click.IntRange(1, 1_000), default=16, help="Flows, calls or messages at once.")
@click.option("--rate", type=click.FloatRange(0.1, 1_000), default=20.0, help="Transfers a second of `latency`.")
@click.option("--cases", type=click.IntRange(1, 5_000_000), default=200_000, help="Cases of `growth` and `history`.")
@click.option("--streams", type=click.IntRange(2, 50_000), default=5_000, help="Partner streams of `streams`.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, help="Rounds, of which the median counts.")
@click.option(
    "--city",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="City folder. [default: deploy/city of the source tree]",
    show_default=False,
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="New folder where logs and data of the run go, and stay. [default: a temporary one, removed at the end]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every figure instead of tables.")
def bench(
    small: bool,
    only: tuple[str, ...],
    with_past: bool,
    flows: int,
    in_flight: int,
    rate: float,
    cases: int,
    streams: int,
    rounds: int,
    city: Path | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure a mesh on this machine: throughput, latency, CPU, memory, growth.

    Starts its own mesh in its own folder on free ports, never touches another one, and ends everything it
    started. Prints machine, versions and durability settings, the floors, each figure beside its floor, and
    whether the targets hold. Let the machine be otherwise idle.
    """
    sections = tuple(name for name in SECTIONS if name in only or not (only or with_past))
    sections += (HISTORY,) if with_past else ()
    plan = Plan(
        city=city or _demo_city(),
        sections=sections,
        in_flight=in_flight,
        rate=rate,
        flows=flows,
        cases=cases,
        streams=streams,
        rounds=rounds,
    )
    _show(_measure(quick(plan) if small else plan, folder), as_json)


command = bench


def _measure(plan: Plan, folder: Path | None) -> dict[str, object]:
    from callmesh.cli.bench.run import run

    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; a run begins with nothing, name another folder")
    chosen = folder or Path(tempfile.mkdtemp(prefix="callmesh-bench-"))
    try:
        return asyncio.run(run(plan, chosen.resolve(), lambda text: click.echo(text, err=True)))
    finally:
        if folder is None:
            shutil.rmtree(chosen, ignore_errors=True)


def _show(found: dict[str, object], as_json: bool) -> None:
    from callmesh.cli.bench import report

    if as_json:
        json_line(found)
    else:
        report.show(found)
    flows = found.get("flows")
    if isinstance(flows, dict) and (wrong := faults(flows["counted"])):
        said = ", ".join(f"{count} {what}" for what, count in wrong.items())
        raise Failure(f"bench: cases were lost, doubled or refused: {said}; lives that are not whole: {flows['odd']}")


def _demo_city() -> Path:
    found = Path(__file__).resolve().parents[4] / "deploy" / "city"
    if not found.is_dir():
        raise BadInput("there is no deploy/city beside the program; name a city folder with --city")
    return found
