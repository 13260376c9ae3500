"""An agency that attaches over NATS: its account, as `callmesh partner nats-config` writes it, on a real server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from click.testing import CliRunner
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callmesh.api.v1 import case_pb2, report_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import transfer_service_pb2 as transfer
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.api.v1.transfer_service_pb2_grpc import TransferServiceStub
from callmesh.cli import nats_account
from callmesh.cli.main import main
from callmesh.domain.directory import City
from callmesh.kernel import headers
from callmesh.kernel.rpc.client import identity
from callmesh.kernel.subjects import Names
from support.nats_server import NatsServer, jetstream
from support.service import lay_out, running, settings
from support.waiting import until

NAMES = Names("r1")
STREAM = NAMES.inbox_stream
DURABLE, OTHER = NAMES.inbox_durable("power"), NAMES.inbox_durable("water")
ME: Any = {"metadata": identity("110", "110-1"), "timeout": 20}


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """NATS with the mesh's account and those of power and water, put together as the manual says."""
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "mesh.conf").write_text(nats_account.mesh(NAMES, "m"))
    for agency, secret in (("power", "p"), ("water", "w")):
        (folder / f"{agency}.conf").write_text(nats_account.agency(NAMES, agency, secret))
    more = 'accounts {\n  include "mesh.conf"\n  include "power.conf"\n  include "water.conf"\n}\n'
    one = NatsServer(folder, more=more, user="mesh:m@")
    one.start()
    try:
        yield one
    finally:
        one.kill()


@asynccontextmanager
async def attached(server: NatsServer, agency: str, secret: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A connection of an agency, and what the server refused it."""
    refused: list[str] = []

    async def note(wrong: Exception) -> None:
        refused.append(str(wrong))

    address = server.url.replace("mesh:m@", f"{agency}:{secret}@")
    client = await nats.connect(address, inbox_prefix=b"_INBOX", error_cb=note, allow_reconnect=False)
    try:
        yield client, refused
    finally:
        await client.close()


async def said(client: Client, durable: str, request: pb.ReceiveReferralsRequest) -> pb.ReceiveReferralsResponse:
    answer = await client.request(NAMES.command(durable), request.SerializeToString(), timeout=60)
    return pb.ReceiveReferralsResponse.FromString(answer.data)


@asynccontextmanager
async def mesh(server: NatsServer, city: City, folder: Path) -> AsyncIterator[tuple[Any, Any]]:
    """Intake, transfer and gateway; stubs of the first two."""
    await lay_out(server, city)
    async with contextlib.AsyncExitStack() as stack:
        own = {name: settings(server, data_dir=str(folder / name)) for name in ("intake", "transfer", "gateway")}
        ran = {name: await stack.enter_async_context(running(name, one)) for name, one in own.items()}
        for one in ran.values():
            await one.until_health("SERVING")
        yield IntakeServiceStub(ran["intake"].channel), TransferServiceStub(ran["transfer"].channel)


async def offered(stubs: tuple[Any, Any], agency: str, rid: str) -> case_pb2.Case:
    report = report_pb2.Report(narrative="停电了")
    case = await stubs[0].OpenCase(intake.OpenCaseRequest(request_id=rid, report=report), **ME)
    to = transfer.TransferCaseRequest(request_id=f"{rid}-on", name=case.name, agency=agency, reason="核实")
    done: case_pb2.Case = await stubs[1].TransferCase(to, **ME)
    return done


async def opened(client: Client, durable: str, subject: str, data: bytes) -> pb.ReceiveReferralsResponse:
    answer = await client.request(NAMES.command(durable), data, timeout=60, headers={headers.OPEN: subject})
    return pb.ReceiveReferralsResponse.FromString(answer.data)


def action(**kind: Any) -> pb.ReceiveReferralsRequest:
    return pb.ReceiveReferralsRequest(actions=[pb.Action(request_id="r1", **kind)])


async def test_an_agency_attached_over_nats_works_its_referrals(
    server: NatsServer, demo_city: City, tmp_path: Path
) -> None:
    """Hello, delivery, receipt, acceptance, through an account that can do just that."""
    async with mesh(server, demo_city, tmp_path) as stubs, attached(server, "power", "p") as (client, refused):
        hello = pb.ReceiveReferralsRequest(hello=pb.Hello())
        assert (await said(client, DURABLE, hello)).welcome.agency == "power"
        case = await offered(stubs, "power", "one")
        pulled = await client.jetstream().pull_subscribe_bind(DURABLE, STREAM)
        [message] = await pulled.fetch(1, timeout=60)
        [delivery] = (await opened(client, DURABLE, message.subject, message.data)).deliveries
        assert delivery.case.name == case.name and delivery.case.report.narrative == "停电了"
        name, number = delivery.referral.name, str(message.metadata.sequence.stream)

        receipt = pb.AcknowledgeReferralRequest(name=name, delivery_id=number)
        assert not (await said(client, DURABLE, action(acknowledge=receipt))).outcomes[0].status.code
        await message.ack_sync(timeout=60)
        accept = pb.AcceptReferralRequest(name=name, handler="p-1")
        for _ in range(2):
            [outcome] = (await said(client, DURABLE, action(accept=accept))).outcomes
            assert outcome.request_id == "r1" and outcome.referral.state == outcome.referral.ACCEPTED
            assert outcome.referral.HasField("received_at") and len(outcome.referral.handler) > 0
        assert (await said(client, DURABLE, hello)).welcome.waiting == 0
        assert not refused

        foreign, damaged = message.subject.replace("power", "water"), bytes([*message.data[:-1], message.data[-1] ^ 1])
        for subject, data in ((foreign, message.data), ("in", b""), (message.subject, damaged)):
            refusal = await opened(client, DURABLE, subject, data)
            assert not refusal.deliveries and [one.status.code for one in refusal.outcomes] == [3]
        assert "停电了".encode() not in message.data, "what waits in an inbox is sealed"

        bad = await said(client, DURABLE, action())
        assert bad.outcomes[0].status.code == 3, "an empty action is refused, not dropped"
        answer = await client.request(NAMES.command(DURABLE), b"\xff\xff", timeout=60)
        assert pb.ReceiveReferralsResponse.FromString(answer.data).outcomes[0].status.code == 3


async def test_everything_else_is_denied(server: NatsServer, demo_city: City, tmp_path: Path) -> None:
    """Another's durable, acks and commands, the log, the streams, and the reply trick: nothing of it works."""
    async with mesh(server, demo_city, tmp_path) as stubs:
        case = await offered(stubs, "water", "two")
        name = case.referrals[0].name
        async with attached(server, "water", "w") as (water, _), jetstream(server) as js:
            await said(water, OTHER, pb.ReceiveReferralsRequest(hello=pb.Hello()))
            before = (await js.stream_info(NAMES.log_stream(0))).state.messages
            async with attached(server, "power", "p") as (client, refused):
                await said(client, DURABLE, pb.ReceiveReferralsRequest(hello=pb.Hello()))
                log = NAMES.case(case.name.split("/")[1])
                for subject in (
                    f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{OTHER}",
                    f"$JS.ACK.{STREAM}.{OTHER}.1.1.1.1.1",
                    NAMES.command(OTHER),
                    f"$JS.API.CONSUMER.INFO.{STREAM}.{DURABLE}",
                    f"$JS.API.CONSUMER.CREATE.{STREAM}",
                    f"$JS.API.STREAM.INFO.{STREAM}",
                    f"$JS.API.STREAM.PURGE.{STREAM}",
                    f"$JS.API.DIRECT.GET.{NAMES.log_stream(0)}.{log}",
                    f"$JS.API.STREAM.MSG.GET.{NAMES.log_stream(0)}",
                    "$JS.API.INFO",
                    log,
                    NAMES.inbox("power", name),
                    NAMES.presence("x"),
                ):
                    count = len(refused)
                    with pytest.raises(NatsError):
                        await client.request(subject, b"{}", timeout=0.5)
                    await until(lambda count=count: len(refused) > count, f"refused: {subject}")  # type: ignore[misc]
                    assert "permissions violation" in refused[-1].lower(), (subject, refused[-1])
                for subject in ("ev.>", "in.>", "$JS.>", ">", "pr.>"):
                    count = len(refused)
                    await client.subscribe(subject)
                    await until(lambda count=count: len(refused) > count, f"no listening on {subject}")  # type: ignore[misc]

                # its own durable, with the log as the reply: within one account the message would be stored again
                await offered(stubs, "power", "three")
                stored = (await js.stream_info(NAMES.log_stream(0))).state.messages
                await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{DURABLE}", b"1", reply=log)
                pulled = await client.jetstream().pull_subscribe_bind(DURABLE, STREAM)
                assert await pulled.fetch(1, timeout=60), "served after it, so that one was dealt with"
                assert (await js.stream_info(NAMES.log_stream(0))).state.messages == stored > before

                # an agency acts on its own referrals only, whatever it names
                accept = pb.AcceptReferralRequest(name=name, handler="p-1")
                [outcome] = (await said(client, DURABLE, action(accept=accept))).outcomes
                assert outcome.status.code == 5, "a foreign referral looks as if it were not there"


def test_the_command_writes_what_the_server_was_given() -> None:
    """The same text, with a fresh secret each time; nonsense is refused."""
    run = CliRunner()
    first, second = (run.invoke(main, ["partner", "nats-config", "power"]).output for _ in range(2))
    secret = first.partition('password: "')[2].partition('"')[0]
    assert first != second and len(secret) == 32
    assert first == nats_account.agency(NAMES, "power", secret)
    assert run.invoke(main, ["partner", "nats-config", "--mesh"]).output.startswith("MESH {")
    for wrong in ([], ["power", "--mesh"], ["po.wer"], ["*"], ['x" }']):
        assert run.invoke(main, ["partner", "nats-config", *wrong]).exit_code == 2
