"""`callmesh classify evaluate`: a model's figures on a table it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from callmesh.cli.classify_train import KEYS, needs_training, read_samples, write_report
from callmesh.cli.output import EXITS, BadInput, Failure, Manual

_EXAMPLES = """\
callmesh classify evaluate --model trained/trained.model --data test.csv --text 内容 --label 承办单位
callmesh classify evaluate --model trained/trained.model --data test.csv --text text --label label --out evaluated
callmesh classify evaluate --corpus                    the shipped model on the reports it has not seen"""


@click.command("evaluate", cls=Manual, sections={"Environment": KEYS, "Exit status": EXITS, "Examples": _EXAMPLES})
@click.option("--model", type=click.Path(path_type=Path), help="Model file; the shipped one when not given.")
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="CSV, TSV or XLSX file; may be repeated.")
@click.option("--text", "text_column", default="text", help="Column of the texts: its name, or its number from 1.")
@click.option("--label", "label_column", default="", help="Column of the labels.")
@click.option(
    "--agency", "agency_column", default="", help="Column of the agencies; the label when there is no --label."
)
@click.option("--sheet", default="", help="Sheet of a workbook; the first one when not given.")
@click.option("--corpus", is_flag=True, help="Measure on the project's own reports that are never learned from.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report in three forms.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def command(**given: Any) -> None:
    """Measure a model (评估) on texts with known labels: the report of training, on other data.

    Rows are cleaned as in training, but repeated texts all count. A label that the model does not know is named
    and counts as wrong. A model signed by an unknown key is measured, with a warning: measuring puts nothing in force.
    """
    needs_training()
    from callmesh.classification.training import report as reports

    report = _report(given)
    if given["out"]:
        try:
            write_report(given["out"], report)
        except OSError as wrong:
            raise Failure(f"the report was not written: {wrong}") from None
    click.echo(reports.as_json(report) if given["as_json"] else reports.as_text(report), nl=False)


def _report(given: dict[str, Any]) -> dict[str, Any]:
    from callmesh.classification import signing
    from callmesh.classification.model import Model, ModelRefused
    from callmesh.classification.training import report as reports
    from callmesh.classification.training.evaluate import evaluate

    try:
        model = Model.load(given["model"], any_signer=True)
    except ModelRefused as refused:
        raise BadInput(str(refused)) from None
    if model.signer and bytes.fromhex(model.signer) not in signing.trusted():
        click.echo(f"callmesh: {given['model']} is signed by a key that is not trusted here", err=True)
    samples, account, source = _samples(given)
    try:
        found = evaluate(model, samples)
    except ValueError as wrong:
        raise BadInput(f"cannot measure: {wrong}") from None
    size = given["model"].stat().st_size if given["model"] else 0
    about = {"version": model.version, "labels": len(model.leaves), "bytes": size, "signer": model.signer}
    return reports.of_evaluation(found.figures, account, source, about, found.unknown)


def _samples(given: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    if not given["corpus"]:
        if not given["data"]:
            raise BadInput("name the file with --data, or --corpus for the project's own reports")
        return read_samples(given, deduplicate=False)
    from callmesh.classification.training import own
    from callmesh.classification.training.cleaning import Account

    samples = own.held_samples()
    source = {"file": "the project's own held reports", "encoding": "utf-8"}
    return samples, Account(rows=len(samples), used=len(samples)), source
