"""`callmesh classify try`: what the classifier says about a sentence, or about a file of ten thousand.

A line is plain text, or a JSON object when it begins with a brace. Every line gets one answer in its place, also
one that cannot be read (an error with its number), so input and output can be laid side by side. The bar and the
errors go to standard error, answers to standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from callmesh.cli.output import BadInput, Manual

_INPUT = """\
plain text, one report a line; an empty line is an empty report
JSON lines: {"text": ..., "channel": "sms", "division": "990101", "origin": "110"}; only text is required,
unknown keys are ignored, "id" comes back"""
_OUTPUT = """\
one object a line: line, text, channel, verdict (emergency | ask | route), level (p0..p3), category, category_zh,
incidents (all matters of an emergency), agencies [{agency, name, kind, role, category, score}], candidates
[{category, score}], evidence [{start, end, text, kind, rule}] as spans of the text, danger (learned probability
of an emergency), reason, version, micros (µs of CPU). A line that cannot be read: line, error."""
_EXITS = "0  every line was judged\n1  a line could not be read; the others were judged\n2  wrong usage or wrong input"
_EXAMPLES = """\
callmesh classify try                               type sentences, end with Ctrl-D
callmesh classify try --json < texts.txt > said.jsonl
callmesh classify try --origin 12345 orders.jsonl"""


@click.command(
    "try", cls=Manual, sections={"Input": _INPUT, "With --json": _OUTPUT, "Exit status": _EXITS, "Examples": _EXAMPLES}
)
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of pages.")
@click.option("--channel", default="phone", help="Channel of lines that name none: phone, sms, web, kiosk, ...")
@click.option("--division", default="", help="Division code of lines that name none; chooses agencies by place.")
@click.option("--origin", default="", help="Who received it: an agency's id, or 110 or 12345. Direction matters.")
@click.option(
    "--city",
    type=click.Path(file_okay=False, path_type=Path),
    help="City folder. [default: deploy/city of the source tree]",
    show_default=False,
)
@click.option("--lexicon", type=click.Path(exists=True, path_type=Path), help="Folder of lexicon tables to try.")
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Model file to try.")
def command(
    file: BinaryIO | None,
    as_json: bool,
    channel: str,
    division: str,
    origin: str,
    city: Path | None,
    lexicon: Path | None,
    model: Path | None,
) -> None:
    """Show verdict, level, category, agencies and evidence of each text; no mesh is needed.

    Reads FILE, or standard input, or asks line by line at a terminal. Nothing is stored.
    """
    from callmesh.cli.classify_shown import Defaults, Trial

    trial = Trial.of(city_folder(city), lexicon, model, Defaults(channel, division, origin))
    typed = file is None and sys.stdin.isatty()
    lines: Iterator[bytes] = _typed() if typed else iter(file or sys.stdin.buffer)
    wrong = trial.answer(lines, as_json, None if typed else _size(file))
    raise SystemExit(1 if wrong and not typed else 0)


def city_folder(given: Path | None) -> Path:
    """The folder of city data that was named, or the one of the source tree."""
    folder = given or Path(__file__).resolve().parents[3] / "deploy" / "city"
    if folder.is_dir():
        return folder
    if given:
        raise BadInput(f"there is no city folder {folder}; name one with --city")
    raise BadInput("there is no deploy/city beside the program; name a city folder with --city")


def _typed() -> Iterator[bytes]:
    """Lines typed at a terminal, with a prompt."""
    while True:
        try:
            yield input("› ").encode("utf-8", "surrogatepass")
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return


def _size(file: BinaryIO | None) -> int:
    """Bytes to come, 0 when nobody knows."""
    try:
        return Path(file.name).stat().st_size if file else 0
    except OSError:
        return 0
