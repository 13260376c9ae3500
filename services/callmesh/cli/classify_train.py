"""`callmesh classify train`: from an agency's table to a signed model and a report.

Writes into the folder NAME.model, report.txt, report.json and report.html; nothing else, and nothing of a row's text.
What is already there under these names is replaced only when everything succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callmesh.cli.output import EXITS, BadInput, Failure, Manual

if TYPE_CHECKING:
    from callmesh.classification.training.train import Result

KEYS = "CALLMESH_MODEL_KEYS   folder of the signing key and of the trusted ones (default: callmesh/model-keys\n" + (
    " " * 22 + "below the user's configuration folder); made at first use"
)
_EXAMPLES = """\
callmesh classify train --data orders.csv --text 内容 --label 承办单位 --out trained
callmesh classify train --data a.xlsx --data b.csv --text content --label category --agency unit --out trained
callmesh classify train --corpus --out services/callmesh/classification/data    the shipped model"""


@click.command("train", cls=Manual, sections={"Environment": KEYS, "Exit status": EXITS, "Examples": _EXAMPLES})
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="CSV, TSV or XLSX file; may be repeated.")
@click.option("--text", "text_column", default="text", help="Column of the texts: its name, or its number from 1.")
@click.option("--label", "label_column", default="", help="Column of the labels (category).")
@click.option(
    "--agency", "agency_column", default="", help="Column of the agencies; the label when there is no --label."
)
@click.option("--sheet", default="", help="Sheet of a workbook; the first one when not given.")
@click.option("--corpus", is_flag=True, help="Learn from the project's own reports instead of a file.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results.")
@click.option("--name", default="", help="Name of the model's file, without .model.  [default: trained, or default]")
@click.option("--strip-label-words", is_flag=True, help="Take out every label word, not only names of bodies.")
@click.option("--keep-duplicates", is_flag=True, help="Learn from repeated texts too.")
@click.option("--key", type=click.Path(path_type=Path, file_okay=False), help="Folder of the signing key.")
@click.option("--unchecked", is_flag=True, help="With --corpus: write the model without running the suite.")
@click.option("--quiet", is_flag=True, help="No progress, only the report.")
def command(**given: Any) -> None:
    """Train a model (训练) on an agency's own reports and their categories or agencies.

    Columns are found by name; encodings (UTF-8, GB 18030, UTF-16) are detected. Telephone and identity numbers,
    number plates and names are taken out before anything is learned; so are clauses that tell where an order was sent
    (请…核实处理). Repeated texts count once. The recipe is chosen by cross-validation, probabilities are calibrated
    on texts that were not learned from, and the report says what came of it.
    """
    tell = teller(given["quiet"])
    report, file = _train(given, tell)
    click.echo(report, nl=False)
    tell(f"written: {file} and report.txt, report.json, report.html beside it")


def _train(given: dict[str, Any], tell: Callable[[str], None]) -> tuple[str, Path]:
    needs_training()
    from callmesh.classification.model import ModelRefused
    from callmesh.classification.training import own
    from callmesh.classification.training.train import train

    key = _key(given)  # first, so that nobody trains for minutes and then cannot sign
    samples, account, source, more = _samples(given, tell)
    try:
        alarm = own.own_alarm() if given["corpus"] else own.shipped_alarm()
        result = train(samples, account, tell, alarm=alarm, more=more)
        if given["corpus"] and not given["unchecked"]:
            result = _checked(result, alarm, tell)
    except ModelRefused as refused:
        raise Failure(f"the shipped model, whose emergency scorer is needed, cannot be used: {refused}") from None
    except ValueError as wrong:
        raise BadInput(f"cannot train on this: {wrong}") from None
    return _write(given, result, source, key)


def _key(given: dict[str, Any]) -> Any:
    """The signing key; None for the shipped model, whose hash is pinned."""
    from callmesh.classification import signing

    if given["corpus"] and not given["key"]:
        return None
    try:
        return signing.own_key(given["key"])
    except (OSError, ValueError) as wrong:
        where = given["key"] or signing.keys_folder()
        raise Failure(f"no signing key in {where} ({wrong}); name a folder with --key or CALLMESH_MODEL_KEYS") from None


def _checked(result: Result, alarm: Any, tell: Callable[[str], None]) -> Result:
    """The same with the suite's report inside; Failure when the gate does not hold."""
    from callmesh.classification.matching import Matcher
    from callmesh.classification.promotion import suite_report
    from callmesh.classification.suite import run
    from callmesh.classification.training.train import with_header
    from callmesh.classification.verdict import Classifier
    from callmesh.cli.classify_try import city_folder
    from callmesh.cli.directory import read_city

    tell("suite")
    engine = Classifier(Matcher.load(), read_city(city_folder(None)).categories, result.built.model)
    suite = run(engine)
    if not suite.holds:
        reasons = "; ".join(suite.reasons)
        raise Failure(f"the suite does not hold: {reasons}; nothing was written (callmesh classify check tells more)")
    return with_header(result, alarm, {"suite": suite_report(suite)})


def _samples(given: dict[str, Any], tell: Callable[[str], None]) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """Samples, account, what the report says of the source, what the model's header says of it."""
    from callmesh.classification.training import own

    if given["corpus"]:
        samples, account = own.own_samples()
        return samples, account, {"file": "the project's own reports", "encoding": "utf-8"}, {"source": "corpus"}
    if not given["data"]:
        raise BadInput("name the file with --data, or --corpus for the project's own reports")
    read = read_samples(given, deduplicate=not given["keep_duplicates"], every_word=given["strip_label_words"])
    tell(f"read {len(read[0])} usable texts")
    return *read, {"source": "table"}


def read_samples(
    given: dict[str, Any], *, deduplicate: bool, every_word: bool = False
) -> tuple[Any, Any, dict[str, Any]]:
    """Rows of all --data files, cleaned; BadInput names what is wrong with a file."""
    from callmesh.classification.training.cleaning import clean
    from callmesh.classification.training.reading import BadTable, read_table

    columns = given["text_column"], given["label_column"], given["agency_column"], given["sheet"]
    try:
        tables = [read_table(path, *columns) for path in given["data"]]
    except BadTable as bad:
        raise BadInput(str(bad)) from None
    rows = [row for table in tables for row in table.rows]
    names = {name for row in rows for name in (row.label, row.agency) if name}
    samples, account = clean(rows, names, every_label_word=every_word, deduplicate=deduplicate)
    account.flaws += [flaw for table in tables for flaw in table.flaws]
    files = ", ".join(path.name for path in given["data"])
    return samples, account, {"file": files, "encoding": ", ".join(table.encoding for table in tables)}


def needs_training() -> None:
    """Failure that says what to install when the extra is missing."""
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        raise Failure("this needs scikit-learn; install it with: pip install 'callmesh[training]'") from None


def _write(given: dict[str, Any], result: Result, source: dict[str, Any], key: Any) -> tuple[str, Path]:
    from callmesh.classification import model_file
    from callmesh.classification.training import report as reports

    report = reports.of_training(result, source)
    out, text = given["out"], reports.as_text(report)
    file = out / f"{given['name'] or ('default' if given['corpus'] else 'trained')}.model"
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace(file, model_file.signed(result.built.body, key))
        if given["corpus"]:
            replace(file.with_suffix(".sha256"), f"{result.built.model.digest}  {file.name}\n".encode())
        else:
            write_report(out, report)
    except (OSError, ValueError) as wrong:
        raise Failure(f"the results were not written: {wrong}") from None
    return text, file


def write_report(out: Path, report: dict[str, Any]) -> None:
    """report.txt, report.json and report.html in the folder."""
    from callmesh.classification.training import pages
    from callmesh.classification.training import report as reports

    out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("report.txt", reports.as_text(report)),
        ("report.json", reports.as_json(report)),
        ("report.html", pages.as_page(report)),
    ):
        replace(out / name, content.encode())


def replace(path: Path, content: bytes) -> None:
    """The whole file or the old one."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)


def teller(quiet: bool) -> Callable[[str], None]:
    """Progress on standard error, with seconds."""
    started = time.monotonic()

    def tell(said: str) -> None:
        if not quiet:
            click.echo(f"[{time.monotonic() - started:5.1f} s] {said}", err=True)

    return tell
