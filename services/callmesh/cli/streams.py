"""`callmesh streams`: make a region's streams what they must be, or show what they are.

Services only verify them and wait (kernel/streams.py); changing them is a person's decision.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from callmesh.cli.endpoints import find, jetstream, own_settings
from callmesh.cli.output import EXITS, FINDING, Failure, Manual, ManualGroup, json_line, size, table
from callmesh.kernel.config import Settings

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.api import StreamInfo

_ENVIRONMENT = f"""\
{FINDING}
CALLMESH_REGION      region whose streams are meant (default r1)
CALLMESH_REPLICAS    copies of every stream (default 1)"""
_APPLY = """\
callmesh streams apply                           one shard, one copy
callmesh streams apply --shards 4 --replicas 3   on a cluster of three"""
_SHOW = """\
callmesh streams show
callmesh streams show --json | jq .messages"""


@click.group("streams", cls=ManualGroup, sections={"Environment": _ENVIRONMENT, "Exit status": EXITS})
def command() -> None:
    """Make or show the streams of a region (数据流).

    LOG_<region>_<shard> keeps every fact for ever, TIMERS_<region> holds the deadlines, INBOX_<region> what
    partners are to receive, RECENT_<region> keyed hashes of who called lately, KEYS_<region> the data key of each
    case, AUDIT_<region> the signed heads of the log, BOOKMARKS_<region> how far the services' readers are, DLQ what
    could not be delivered. Services verify them at start and wait, not ready, until they are as they must be.
    """


@command.command("apply", cls=Manual, sections={"Environment": _ENVIRONMENT, "Exit status": EXITS, "Examples": _APPLY})
@click.option("--shards", type=click.IntRange(1, 64), default=1, help="Number of shards of the log.")
@click.option("--replicas", type=click.IntRange(1, 5), default=None, help="Copies, instead of CALLMESH_REPLICAS.")
def apply(shards: int, replicas: int | None) -> None:
    """Create the streams that are missing and correct those that differ.

    Streams that are as they must be are left alone, so it may be repeated. Nothing stored is deleted.
    """
    settings = own_settings()
    asyncio.run(_apply(settings, shards, replicas or settings.replicas))


async def _apply(settings: Settings, shards: int, replicas: int) -> None:
    async with jetstream(find()) as js:
        click.echo(f"streams: {await put(js, settings, shards, replicas)}")


async def put(js: JetStreamContext, settings: Settings, shards: int, replicas: int) -> str:
    """Makes the region's streams; says what was done. Failure when NATS refuses."""
    from nats.js.errors import APIError

    from callmesh.kernel import streams
    from callmesh.kernel.subjects import Names

    wanted = streams.wanted(Names(settings.region), range(shards), replicas)
    try:
        made = await streams.apply(js, wanted)
    except APIError as wrong:
        raise Failure(f"NATS refuses the streams: {wrong.description}; see callmesh doctor") from None
    changed = f"made or changed {', '.join(made)}" if made else "nothing to change"
    return f"{len(wanted)} as they must be, {changed}"


@command.command("show", cls=Manual, sections={"Environment": _ENVIRONMENT, "Exit status": EXITS, "Examples": _SHOW})
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each stream.")
def show(as_json: bool) -> None:
    """Show every stream of the server with what it holds and how far its readers are.

    A reader is `name +waiting`; `unacknowledged` are messages handed out and not yet confirmed. Who only
    watches, as every service does the city, is counted.
    """
    rows = asyncio.run(_rows())
    if as_json:
        for row in rows:
            json_line(row)
        return
    columns = ("stream", "subjects", ">messages", ">size", ">copies", "readers")
    table(columns, [_cells(row) for row in rows])


async def _rows() -> list[dict[str, object]]:
    async with jetstream(find()) as js:
        return [await _row(js, one) for one in await js.streams_info()]


async def _row(js: JetStreamContext, info: StreamInfo) -> dict[str, object]:
    name = info.config.name or ""
    consumers = await js.consumers_info(name)
    readers = {
        one.name: {"waiting": one.num_pending or 0, "unacknowledged": one.num_ack_pending or 0}
        for one in consumers
        if one.config.durable_name
    }
    return {
        "stream": name,
        "subjects": info.config.subjects or [],
        "messages": info.state.messages,
        "bytes": info.state.bytes,
        "last_sequence": info.state.last_seq,
        "replicas": info.config.num_replicas,
        "readers": readers,
        "watchers": len(consumers) - len(readers),
    }


def _cells(row: dict[str, object]) -> list[str]:
    readers, subjects, held = row["readers"], row["subjects"], row["bytes"]
    assert isinstance(readers, dict) and isinstance(subjects, list) and isinstance(held, int)
    told = [f"{name} +{one['waiting']}" + _open(one["unacknowledged"]) for name, one in readers.items()]
    counts = (str(row["messages"]), size(held), str(row["replicas"]))
    told += [f"{row['watchers']} watching"] if row["watchers"] else []
    return [str(row["stream"]), ", ".join(subjects), *counts, "\n".join(told) or "-"]


def _open(count: int) -> str:
    return f" ({count} unacknowledged)" if count else ""
