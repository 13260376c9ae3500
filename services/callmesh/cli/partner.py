"""`callmesh partner`: what concerns partner agencies; the parts are in partner/ and in nats_account.py."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callmesh.cli import endpoints
from callmesh.cli.output import EXITS, FINDING, BadInput, Failure, Manual, ManualGroup, instead, json_line, table
from callmesh.partner.faults import Fault, FaultPlan

if TYPE_CHECKING:
    from callmesh.api.v1 import gateway_service_pb2 as pb
    from callmesh.api.v1 import gateway_service_pb2_grpc as pb_grpc
    from callmesh.cli.endpoints import Endpoints
    from callmesh.partner.simulated import SimulatedPartner

_ID = re.compile("[a-z0-9][a-z0-9-]*")
_WIDTH = max(len(one.value) for one in Fault)
_EXAMPLES = """\
callmesh partner simulate --agency water             a correct partner of the mesh on this machine
callmesh partner simulate                            one for every agency of the city
callmesh partner simulate --agency gas --fault no-receipt --fault early-receipt --rate 0.3 --seed 7
callmesh partner list                                who is connected
callmesh partner nats-config power                   an account for an agency that attaches over NATS"""


@click.group("partner", cls=ManualGroup, sections={"Exit status": EXITS, "Examples": _EXAMPLES})
def command() -> None:
    """Play a partner agency, see which are connected, let one attach over NATS.

    A program of your own begins with the Python package callmesh.partner, or with the protos: protos/README.md.
    """


# simulate


def _faults() -> str:
    return "\n".join(f"{one.value:{_WIDTH}}  {one.meaning}" for one in Fault)


@command.command(
    "simulate",
    cls=Manual,
    short_help="Play agencies, with mistakes if wanted.",
    sections={"Faults": _faults, "Environment": FINDING, "Exit status": EXITS, "Examples": _EXAMPLES},
)
@click.option("--agency", "agencies", multiple=True, metavar="ID", help="Whom to play; may be repeated. [default: all]")
@click.option("--gateway", metavar="HOST:PORT", help="Where to connect, instead of this machine's mesh.")
@click.option("--identity", type=click.Path(file_okay=False, exists=True, path_type=Path), metavar="DIR",
              help="Certificates, as callmesh ca makes them; needed with --gateway when it has mTLS.")  # fmt: skip
@click.option("--seed", type=int, default=0, help="Of everything that is drawn: the same seed, the same partner.")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="A mistake to make, of those below; repeatable.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="How often it is made.")
@click.option("--pace", type=click.FloatRange(min=0), default=1.0, help="A person's longest pause, in seconds.")
@click.option("--seconds", type=click.FloatRange(min=0), help="End after so long. [default: at Ctrl-C]")
def simulate(
    agencies: Sequence[str],
    gateway: str | None,
    identity: Path | None,
    seed: int,
    faults: Sequence[str],
    rate: float,
    pace: float,
    seconds: float | None,
) -> None:
    """Play one or all agencies: take referrals, accept, report, resolve, and make the mistakes that are asked for.

    Without --fault it is a correct partner. Each line says when, who, what came or was done, and to which referral;
    nothing personal is shown. It ends at Ctrl-C or SIGTERM, after its receipts went out.
    """
    plan = FaultPlan(seed, [_fault(one) for one in faults], rate)
    if gateway and not agencies:
        raise BadInput("say with --agency whom to play at that gateway")
    asyncio.run(_simulate(agencies, gateway, identity, plan, pace, seconds))


async def _simulate(
    agencies: Sequence[str],
    gateway: str | None,
    folder: Path | None,
    plan: FaultPlan,
    pace: float,
    seconds: float | None,
) -> None:
    from callmesh.kernel.rpc.secure import Wallet
    from callmesh.partner.simulated import SimulatedPartner

    where = None if gateway else endpoints.find()
    wallet = Wallet(folder) if folder else where.wallet if where else None
    address = gateway or (where.address("gateway") if where else "")
    played = agencies or await _all_agencies(where)
    wide = max(map(len, played))
    click.echo(f"{plan}; {len(played)} agencies at {address}; Ctrl-C ends")

    def played_by(agency: str) -> SimulatedPartner:
        def tell(what: str, referral: str, more: str) -> None:
            _tell(f"{agency:{wide}}", what, referral, more)

        return SimulatedPartner(address, agency, identity=wallet, plan=plan, pace=pace, tell=tell)

    partners = [played_by(one) for one in played]
    await _until_over(partners, seconds)
    click.echo(f"{sum(one.done for one in partners)} referrals resolved")


async def _until_over(partners: Sequence[SimulatedPartner], seconds: float | None) -> None:
    """Plays until SIGTERM or SIGINT, or so long."""
    from callmesh.partner import BadCertificate, PartnerError

    over = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, over.set)
    playing = asyncio.gather(*(_play(one, over) for one in partners))
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(playing), seconds)
        over.set()
        await playing
    except (PartnerError, BadCertificate) as wrong:
        raise Failure(f"the mesh will not have it: {wrong}") from None


async def _play(partner: SimulatedPartner, over: asyncio.Event) -> None:
    """One partner, from its connection to the end; a mesh that never answers does not hold up the end."""
    entering, ending = asyncio.create_task(partner.__aenter__()), asyncio.create_task(over.wait())
    await asyncio.wait({entering, ending}, return_when=asyncio.FIRST_COMPLETED)
    if not entering.done():
        entering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await entering
        await ending
    await partner.__aexit__()


async def _all_agencies(where: Endpoints | None) -> list[str]:
    from callmesh.cli.clients import city_in_force

    return [one.id for one in (await city_in_force(where or endpoints.find())).agencies]


def _fault(name: str) -> Fault:
    try:
        return Fault.named(name)
    except KeyError:
        raise BadInput(f"no fault {name!r}; callmesh partner simulate --help lists them") from None


def _tell(agency: str, what: str, referral: str, more: str) -> None:
    at = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    case, _, number = referral.removeprefix("cases/").partition("/referrals/")
    shown = f"{case}/{number}" if referral else "-"
    click.echo(f"{at}  {agency}  {what:18} {shown:34} {more}".rstrip())


# nats-config

_NATS_EXAMPLES = """\
callmesh partner nats-config --mesh > mesh.conf      once: the account of the services
callmesh partner nats-config power > power.conf      for each agency that attaches
printf 'accounts {\\n  include "mesh.conf"\\n  include "power.conf"\\n}\\n' >> nats.conf
CALLMESH_NATS_URL=nats://mesh:SECRET@HOST:4222       for every service, the secret as in mesh.conf"""
_NATS_USE = """\
hello, actions   request on partner.cmd.agency_ID, a ReceiveReferralsRequest; answer: a ReceiveReferralsResponse
deliveries       pull from the durable agency_ID of the stream INBOX_r1 (bind, do not create); each is a Delivery whose
                 delivery_id is its stream sequence
receipt          the action acknowledge first, then the acknowledgement of the message"""


@command.command(
    "nats-config",
    cls=Manual,
    short_help="Write an agency's NATS account.",
    sections={"Use": _NATS_USE, "Environment": FINDING, "Exit status": EXITS, "Examples": _NATS_EXAMPLES},
)
@click.argument("agency", required=False)
@click.option("--mesh", "of_mesh", is_flag=True, help="The account of the services instead of an agency's.")
@click.option("--region", default="r1", help="Region of the mesh.")
def nats_config(agency: str | None, of_mesh: bool, region: str) -> None:
    """Write the NATS account of AGENCY, for a large one that attaches over NATS instead of gRPC.

    The account can do three things: have the next deliveries of its own durable, acknowledge them, and send its own
    commands. Everything else is refused by NATS itself, the log and other agencies' deliveries above all. The text has
    a fresh secret: keep it from everybody else. After a reload of NATS (SIGHUP) new imports begin to work at a second
    reload: send two. Use TLS between agency and NATS. Where a mesh answers, AGENCY must be in its city.
    """
    from callmesh.cli import nats_account
    from callmesh.kernel.subjects import Names

    if of_mesh == bool(agency):
        raise BadInput("name one agency, or say --mesh")
    if agency and not _ID.fullmatch(agency):
        raise BadInput(f"{agency!r} is no agency's id: small letters, digits and hyphens")
    if agency:
        asyncio.run(_need_known(agency))
    names, secret = Names(region), nats_account.password()
    click.echo(nats_account.agency(names, agency, secret) if agency else nats_account.mesh(names, secret), nl=False)


async def _need_known(agency: str) -> None:
    """An account for a slip of the finger attaches nobody. Accounts are made before a mesh is, so none need answer."""
    from callmesh.cli.clients import city_in_force
    from callmesh.directory.codec import Undecodable

    where: Endpoints | None = None
    try:
        where = endpoints.find()
        city = await city_in_force(where)
    except (Failure, Undecodable) as away:
        if where != endpoints.default():
            click.echo(f"callmesh: nobody can tell whether there is an agency {agency!r}: {away}", err=True)
        return
    if agency not in city.agency:
        known = f"no agency {agency!r} is in the city in force at {where.nats_url}"
        raise BadInput(f"{known}{instead(agency, city.agency)}")


# list


@command.command(
    "list", cls=Manual, short_help="Show who is connected.", sections={"Environment": FINDING, "Exit status": EXITS}
)
@click.argument("agencies", nargs=-1, metavar="[AGENCY]...")
@click.option("--here", is_flag=True, help="Only those that are not away.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each agency.")
def listing(agencies: tuple[str, ...], here: bool, as_json: bool) -> None:
    """Show which agencies of the directory are connected: present, silent (connected, but hanging) or away.

    Away is not wrong by itself: an agency may pull instead of holding a stream.
    """
    rows = asyncio.run(_presences(agencies))
    shown = [one for one in rows if not here or one.state != one.AWAY]
    if as_json:
        for one in shown:
            json_line({"agency": one.agency, "state": _state(one), "since": _since(one), "streams": one.streams})
        return
    table(
        ("agency", "", ">streams", "since"), [(one.agency, _state(one), str(one.streams), _since(one)) for one in shown]
    )


async def _presences(agencies: Sequence[str]) -> list[pb.Presence]:
    import grpc

    from callmesh.api.v1 import gateway_service_pb2 as pb
    from callmesh.cli.clients import ops, why

    async with _gateway() as stub:
        try:
            request = pb.ListPresencesRequest(agencies=agencies)
            answer = await stub.ListPresences(request, metadata=ops(), timeout=10)
        except grpc.aio.AioRpcError as refused:
            raise Failure(why(refused)) from None
    return list(answer.presences)


@contextlib.asynccontextmanager
async def _gateway() -> AsyncIterator["pb_grpc.GatewayServiceAsyncStub"]:
    from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub

    async with endpoints.channel(endpoints.find(), "gateway") as channel:
        yield GatewayServiceStub(channel)


def _state(one: pb.Presence) -> str:
    return one.State.Name(one.state).lower()


def _since(one: pb.Presence) -> str:
    if not one.HasField("since"):
        return ""
    return one.since.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
