"""`callmesh classify replay`: what would change for recorded cases if a draft were in force."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callmesh.cli.output import FINDING, BadInput, Failure, Manual, json_line, table

if TYPE_CHECKING:
    from callmesh.classification.recorded import Recorded
    from callmesh.classification.replay import Replayed, Side

CITY = Path("deploy/city")
_LEXICON = ("lexicon.tsv", "patterns.tsv", "sounds.tsv")
_DRAFT = """\
any of these; what is not there is taken as it is in force:
  *.model                                   one signed model
  lexicon.tsv, patterns.tsv, sounds.tsv     tables of the lexicon
  city.toml, agencies.toml, catalogue.tsv … files of the city folder"""
_EXITS = """\
0  no emergency's destination changes
1  failed; the message says why
2  wrong usage, or the draft is wrong
3  an emergency's destination or verdict changes"""
_EXAMPLES = """\
callmesh classify replay --draft draft/ --since 2026-11-01           cases of the log of a running mesh
callmesh classify replay --draft draft/ --cases cases.jsonl --json   without a mesh"""


@click.command(
    "replay",
    cls=Manual,
    sections={"Draft": _DRAFT, "Environment": FINDING, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.option("--draft", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True, help="Folder.")
@click.option("--since", help="Cases of the log since this day or moment (ISO 8601).")
@click.option("--cases", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="JSON lines instead.")
@click.option("--city", type=click.Path(path_type=Path, file_okay=False), default=CITY, help="City folder in force.")
@click.option("--model", type=click.Path(path_type=Path), help="Model in force; the shipped one when not given.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each change, and one at the end.")
def command(draft: Path, since: str, cases: Path, city: Path, model: Path, as_json: bool) -> None:
    """Judge recorded cases with a draft (回放) beside what is in force; list every changed destination.

    Emergencies come first. The callers' words are not shown. Nothing is written.
    """
    from callmesh.classification.replay import replay

    before = side(city, None, model)
    after = _drafted(draft, city, model)
    found = replay(recorded(since, cases), before, after)
    _show_json(found) if as_json else _show(found)
    raise SystemExit(3 if found.emergencies else 0)


def recorded(since: str, cases: Path | None) -> list[Recorded]:
    """Cases of the file, or of the log."""
    from callmesh.classification.recorded import BadCases, cases_in

    if bool(since) == bool(cases):
        raise BadInput("name the cases: --since DAY for those of a running mesh, or --cases FILE")
    try:
        return list(cases_in(cases)) if cases else asyncio.run(_from_log(moment(since)))
    except (BadCases, UnicodeDecodeError) as bad:
        raise BadInput(str(bad)) from None


def moment(said: str) -> datetime:
    """A day or a moment; UTC when it names no zone."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise BadInput(f"{said!r} is no day or moment; write it like 2026-11-01 or 2026-11-01T08:00+08:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _from_log(since: datetime) -> list[Recorded]:
    from nats.errors import Error as NatsError

    from callmesh.classification.recorded import cases_since
    from callmesh.cli.endpoints import at, connected, find
    from callmesh.kernel.kek import BadKey
    from callmesh.kernel.subjects import Names
    from callmesh.kernel.vault import open_vault

    where = find()
    settings = at(where)
    async with connected(where) as (client, js):
        try:
            vault = await open_vault(client, js, settings)
            return await cases_since(js, Names(settings.region), settings.shard, since, vault)
        except BadKey as wrong:
            raise BadInput(str(wrong)) from None
        except (NatsError, OSError, TimeoutError) as wrong:
            raise Failure(f"the log could not be read ({type(wrong).__name__}); try again") from None


def side(city: Path, lexicon: Path | None, model: Path | None) -> Side:
    """A classifier of these files with its city; BadInput names file and reason."""
    from callmesh.classification.engine import Refused, open_engine
    from callmesh.classification.replay import Side
    from callmesh.cli.directory import read_city

    read = read_city(city)
    try:
        return Side(open_engine(read.categories, lexicon, model), read)
    except Refused as refused:
        raise BadInput(str(refused)) from None


def _drafted(draft: Path, city: Path, model: Path | None) -> Side:
    """What is in force, with the draft's files instead of its own."""
    from callmesh.classification import lexicon

    names = {path.name for path in draft.iterdir()}
    models = sorted(draft.glob("*.model"))
    if not names or len(models) > 1:
        raise BadInput(f"{draft} must hold at least one file of a draft, and at most one model")
    with tempfile.TemporaryDirectory() as made:
        tables = _mixed(Path(made) / "lexicon", Path(lexicon.__file__).parent / "data", draft, names & set(_LEXICON))
        mixed = _mixed(Path(made) / "city", city, draft, names - set(_LEXICON) - {one.name for one in models})
        return side(mixed, tables if names & set(_LEXICON) else None, models[0] if models else model)


def _mixed(made: Path, base: Path, draft: Path, names: Iterable[str]) -> Path:
    shutil.copytree(base, made)
    for name in sorted(names):
        if (draft / name).is_file():
            shutil.copyfile(draft / name, made / name)
    return made


def _show(found: Replayed) -> None:
    columns = ("case", "grave", "verdict", "would be", "matter", "would be", "agencies", "would be")
    rows = [
        (
            one.id,
            "yes" if one.emergency else "",
            one.before.verdict,
            one.after.verdict,
            one.before.category,
            one.after.category,
            " ".join(one.before.agencies),
            " ".join(one.after.agencies),
        )
        for one in found.changes
    ]
    if rows:
        table(columns, rows)
    click.echo(_sum(found))


def _sum(found: Replayed) -> str:
    changed = f"{found.cases} cases, {len(found.changes)} would change, {found.emergencies} of them emergencies"
    return f"{changed}, {found.lowered} would no longer be seen as one"


def _show_json(found: Replayed) -> None:
    for one in found.changes:
        json_line(asdict(one))
    told: dict[str, Any] = {"cases": found.cases, "changes": len(found.changes)}
    json_line({**told, "emergencies": found.emergencies, "lowered": found.lowered})
