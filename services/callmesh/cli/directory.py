"""`callmesh directory`: put a city folder into force, or show the city that is.

A folder with one fault changes nothing: the version in force stays, and every fault is named with file and
line. Services follow the bucket and use the new version for new cases within a moment.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callmesh.cli.endpoints import find, jetstream, own_settings
from callmesh.cli.output import EXITS, FINDING, BadInput, Failure, Manual, ManualGroup, json_line, table

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from callmesh.domain.directory import City

_PARTS = (
    *("divisions", "agencies", "categories", "routes", "profiles", "guides", "plans", "releases", "devices"),
    *("return_reasons", "grounds", "lines", "interpreters", "repeat_types", "fold_rules", "patrol_rules"),
)
_APPLY = """\
callmesh directory apply deploy/city
callmesh directory apply deploy/city --dry-run   only check"""
_SHOW = """\
callmesh directory show
callmesh directory show --json"""


@click.group("directory", cls=ManualGroup, sections={"Environment": FINDING, "Exit status": EXITS})
def command() -> None:
    """Publish or show the city's data (城市目录): agencies, catalogue, limits, routes, plans, calendar.

    They stand in a folder of TOML, TSV and GeoJSON files, like deploy/city, whose README explains each.
    """


@command.command("apply", cls=Manual, sections={"Environment": FINDING, "Exit status": EXITS, "Examples": _APPLY})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the folder, publish nothing; needs no mesh.")
def apply(folder: Path, dry_run: bool) -> None:
    """Check the city in FOLDER and put it into force.

    Every fault is printed as `file:line: reason`, and then nothing is published: the version in force
    stays. Publishing what is in force already changes nothing. A case keeps the version it was routed by.
    """
    city = read_city(folder)
    if dry_run:
        click.echo(f"{describe(city)}: no fault found, nothing published")
        return
    click.echo(asyncio.run(_apply(city)))


async def _apply(city: City) -> str:
    async with jetstream(find()) as js:
        return await put(js, city)


def read_city(folder: Path) -> City:
    """The city of a folder; BadInput has a line for each fault."""
    from callmesh.directory.load import BadCity, load_city

    try:
        return load_city(folder)
    except BadCity as bad:
        count = len(bad.problems)
        faults = "1 fault" if count == 1 else f"{count} faults"
        said = f"{faults} in {folder}; nothing was published, the version in force stays"
        raise BadInput(f"{said}\n{bad}") from None


async def put(js: JetStreamContext, city: City) -> str:
    """Publishes; says what is in force then. Failure when it could not be."""
    from nats.errors import Error as NatsError

    from callmesh.directory import store
    from callmesh.domain.errors import DomainError

    replicas = own_settings().replicas
    try:
        revision = await store.publish(js, city, replicas=replicas)
    except DomainError as wrong:
        raise Failure(f"the city was not published: {wrong}") from None
    except (NatsError, OSError, TimeoutError) as wrong:
        raise Failure(f"NATS did not take the city ({type(wrong).__name__}); try again") from None
    return f"{describe(city)}: in force, revision {revision}"


def describe(city: City) -> str:
    """Name, version and size in one line."""
    counts = f"{len(city.agencies)} agencies, {len(city.categories)} categories, {len(city.routes)} routes"
    return f"{city.name} {city.name_en}, version {city.version}, {counts}"


@command.command("show", cls=Manual, sections={"Environment": FINDING, "Exit status": EXITS, "Examples": _SHOW})
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def show(as_json: bool) -> None:
    """Show which city is in force, its version, and how much of everything it has."""
    city = asyncio.run(_in_force())
    counts = {part: len(getattr(city, part)) for part in _PARTS}
    if as_json:
        json_line({"id": city.id, "name": city.name, "version": city.version, **counts})
        return
    click.echo(describe(city))
    table(("part", ">entries"), [(part, str(count)) for part, count in counts.items()])


async def _in_force() -> City:
    from callmesh.directory import store
    from callmesh.directory.codec import Undecodable

    async with jetstream(find()) as js:
        try:
            city = await store.fetch(js)
        except Undecodable as wrong:
            raise Failure(f"the city in force cannot be read ({wrong}); publish it again") from None
    if city is None:
        raise Failure("no city is in force; publish one with: callmesh directory apply deploy/city")
    return city
