"""`callmesh classify refit` and `promote`: learn from corrections; put the result in force only when it is no worse."""

from __future__ import annotations

from pathlib import Path

import click

from callmesh.cli.classify_replay import CITY, recorded
from callmesh.cli.classify_train import KEYS, needs_training, replace, teller, write_report
from callmesh.cli.endpoints import own_settings
from callmesh.cli.output import EXITS, FINDING, BadInput, Failure, Manual

_OWN = "default.model in CALLMESH_RULES_DIR"
_REFIT = """\
callmesh classify refit --since 2026-10-01 --out refit        corrections on the log of a running mesh
callmesh classify refit --cases corrected.jsonl --out refit   {"text": …, "category": …} a line"""
_PROMOTE = """\
callmesh classify promote --model refit/refit.model
callmesh classify promote --model refit/refit.model --to /etc/callmesh/rules/default.model"""
_PROMOTE_EXITS = """\
0  promoted
1  refused; every reason is printed, what is in force stays
2  wrong usage, or a file cannot be used"""


@click.command(
    "refit", cls=Manual, sections={"Environment": FINDING + "\n" + KEYS, "Exit status": EXITS, "Examples": _REFIT}
)
@click.option("--since", help="Corrections on the log since this day or moment (ISO 8601).")
@click.option("--cases", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="JSON lines instead.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results.")
@click.option("--quiet", is_flag=True, help="No progress, only the report.")
def refit(since: str, cases: Path | None, out: Path, quiet: bool) -> None:
    """Train anew (重训) on the project's own reports and on what operators corrected since a day.

    Writes refit.model and the report. Nothing is put in force; that is what promote is for.
    """
    needs_training()
    from callmesh.classification import model_file, signing
    from callmesh.classification.training import own, refit, train
    from callmesh.classification.training import report as reports

    tell = teller(quiet)
    samples, account, count = refit.with_corrections(recorded(since, cases))
    if not count:
        raise Failure("no correction was found: nothing to learn; ask for an earlier day")
    tell(f"{count} corrections")
    more = {"source": f"refit, {count} corrections"}
    result = train.train(samples, account, tell, recipe=refit.shipped_recipe(), alarm=own.own_alarm(), more=more)
    report = reports.of_training(result, {"file": f"own reports and {count} corrections", "encoding": "utf-8"})
    try:
        write_report(out, report)
        replace(out / "refit.model", model_file.signed(result.built.body, signing.own_key()))
    except (OSError, ValueError) as wrong:
        raise Failure(f"the results were not written: {wrong}") from None
    click.echo(reports.as_text(report), nl=False)


@click.command(
    "promote", cls=Manual, sections={"Environment": KEYS, "Exit status": _PROMOTE_EXITS, "Examples": _PROMOTE}
)
@click.option("--model", type=click.Path(path_type=Path), required=True, help="The model to put in force.")
@click.option(
    "--in-force", type=click.Path(path_type=Path), help=f"The model in force.  [default: {_OWN}, else the shipped one]"
)
@click.option("--to", type=click.Path(path_type=Path), help=f"Where it goes.  [default: {_OWN}]")
@click.option("--city", type=click.Path(path_type=Path, file_okay=False), default=CITY, help="City folder in force.")
@click.option("--dry-run", is_flag=True, help="Only say whether it would be promoted.")
def promote(model: Path, in_force: Path | None, to: Path | None, city: Path, dry_run: bool) -> None:
    """Put a model in force (上线) when suite and held-out reports do not get worse; say why not otherwise.

    The promoted file carries the suite's report and this machine's signature. A classification service whose
    CALLMESH_RULES_DIR is that folder reads it within half a minute, and keeps what it has if it cannot be used.
    """
    own = _own_model()
    target = to or own
    if target is None and not dry_run:
        raise BadInput("where to? set CALLMESH_RULES_DIR as the classification service has it, or give --to FILE")
    body = _judged(model, in_force or (own if own and own.exists() else None), city)
    if dry_run or target is None:
        click.echo("would be promoted")
        return
    _put(target, body)
    click.echo(f"promoted: {target}")


def _own_model() -> Path | None:
    """Where a service of these settings looks for a model of the agency's own."""
    from callmesh.classification.engine import OWN_MODEL

    folder = own_settings().rules_dir
    return Path(folder) / OWN_MODEL if folder else None


def _judged(model: Path, in_force: Path | None, city: Path) -> bytes:
    """The model with the suite's report, told beside the one in force; Failure when it is worse."""
    from callmesh.classification import promotion
    from callmesh.classification.engine import Refused
    from callmesh.classification.model import ModelRefused
    from callmesh.cli.directory import read_city

    categories = read_city(city).categories
    try:
        after, before = promotion.standing(model, categories), promotion.standing(in_force, categories)
        reasons = promotion.refusals(before, after)
        body = promotion.checked(model, promotion.report_of(after))
    except (Refused, ModelRefused) as refused:
        raise BadInput(str(refused)) from None
    click.echo(
        f"{after.version}: {after.right:.1%} of the held-out reports right, {before.version}: {before.right:.1%}"
    )
    if reasons:
        raise Failure("not promoted, what is in force stays:\n" + "\n".join(f"  {one}" for one in reasons))
    return body


def _put(to: Path, body: bytes) -> None:
    from callmesh.classification import model_file, signing

    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        replace(to, model_file.signed(body, signing.own_key()))
    except (OSError, ValueError) as wrong:
        raise Failure(f"not promoted: {wrong}") from None
