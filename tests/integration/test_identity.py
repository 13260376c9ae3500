"""Who calls, over real sockets: only a certificate counts, it is renewed and revoked while connections are open."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import structlog
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from callmesh.cli.authority import Authority
from callmesh.kernel.rpc import client, identity, server
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.tls import channel_credentials
from support.identities import DOMAIN, authority, files, said, served
from support.waiting import until

DENIED, UNKNOWN = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ca")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same looks at files, ten times as often."""
    monkeypatch.setattr(server, "IDENTITY_SECONDS", 0.1)
    monkeypatch.setattr("callmesh.kernel.rpc.secure.LOOK_SECONDS", 0.05)


async def refusal(work: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as wrong:
        await work
    return wrong.value


def swap(one: str, other: str) -> None:
    """Exchanges two files: both are well formed, neither fits its certificate any more."""
    held = Path(one).read_bytes()
    Path(one).write_bytes(Path(other).read_bytes())
    Path(other).write_bytes(held)


def serial(ca: Authority, identity: str) -> str:
    return next(one.serial for one in ca.current() if one.identity == identity)


class TestWho:
    async def test_the_agency_is_the_certificates(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            assert (await at.who("agency/110")).startswith("110  operator ")
            asserted = client.identity("110", "p-7", "commander")
            assert (await at.who("agency/110", metadata=asserted)).startswith("110 p-7 commander ")

    async def test_the_metadata_may_not_say_another(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            wrong = await refusal(at.who("agency/water", metadata=client.identity("110")))
        assert (wrong.code(), client.reason_of(wrong)) == (DENIED, "NOT_YOURS")
        assert "110" not in str(wrong.details())

    async def test_ops_is_a_service_that_the_settings_name(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            assert (await at.who("svc/ops")).startswith(" ops ops ")
            assert (await refusal(at.who("svc/server"))).code() == DENIED
        async with served(ca.folder, tls_ops="") as at:
            assert (await refusal(at.who("svc/ops"))).code() == DENIED

    @pytest.mark.parametrize(
        "uris",
        [
            (f"spiffe://{DOMAIN}/agency/110", f"spiffe://{DOMAIN}/agency/water"),
            (f"spiffe://{DOMAIN}/agency/110", "https://example.org/"),
            ("https://example.org/agency/110",),
            ("spiffe://elsewhere.internal/agency/110",),
            (f"spiffe://{DOMAIN}/person/110",),
            (f"spiffe://{DOMAIN}/agency/110/more",),
            (f"spiffe://{DOMAIN}/agency/",),
        ],
        ids=["two", "a second one of another kind", "no SPIFFE", "domain", "kind", "longer", "no name"],
    )
    async def test_anything_but_one_identity_of_ours_is_nobody(self, ca: Authority, uris: tuple[str, ...]) -> None:
        ca.issue("agency/110", uris=uris)
        async with served(ca.folder) as at:
            wrong = await refusal(at.who("agency/110"))
        assert (wrong.code(), client.reason_of(wrong)) == (UNKNOWN, "UNAUTHENTICATED")
        assert wrong.details() == f"the certificate needs exactly one URI, spiffe://{DOMAIN}/agency/ID"
        assert "证书" in client.sentence(wrong)

    async def test_the_common_name_is_nobody(self, ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        """gRPC's own fallback without a URI is the common name, here agency/110."""
        monkeypatch.setattr("callmesh.cli.authority.x509.UniformResourceIdentifier", _DnsInstead)
        ca.issue("agency/110")
        async with served(ca.folder) as at:
            assert (await refusal(at.who("agency/110"))).code() == UNKNOWN


def _DnsInstead(_: str) -> Any:
    from cryptography import x509

    return x509.DNSName("agency.example")


class TestHandshake:
    async def test_without_a_certificate(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            assert (await refusal(at.who(""))).code() == grpc.StatusCode.UNAVAILABLE

    async def test_of_another_authority(self, ca: Authority, tmp_path: Path) -> None:
        other = authority(tmp_path / "other")
        async with served(ca.folder) as at:
            assert (await refusal(at.who("agency/110", other.folder))).code() == grpc.StatusCode.UNAVAILABLE

    async def test_expired(self, ca: Authority) -> None:
        ca.issue("agency/110", hours=-1)
        async with served(ca.folder) as at:
            assert (await refusal(at.who("agency/110"))).code() == grpc.StatusCode.UNAVAILABLE

    async def test_plain(self, ca: Authority) -> None:
        async with served(ca.folder) as at, grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel:
            assert (await refusal(said(channel))).code() == grpc.StatusCode.UNAVAILABLE


class TestWhileConnected:
    async def test_a_certificate_that_expires_ends_calls_and_streams(
        self, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ca.issue("agency/110", hours=1)
        async with served(ca.folder) as at, at.channel("agency/110") as channel:
            stream = channel.unary_stream("/test.Test/Wait")(b"")
            assert await stream.read() == b"110"
            monkeypatch.setattr(identity, "time", SimpleNamespace(time=lambda: time.time() + 3_601))
            wrong = await refusal(asyncio.wait_for(stream.read(), 60))
            assert wrong.code() == UNKNOWN
            assert (await refusal(said(channel))).code() == UNKNOWN

    async def test_revoked_is_out_at_once(self, ca: Authority) -> None:
        async with served(ca.folder) as at, at.channel("agency/110") as channel, at.channel("agency/water") as water:
            open_streams = [one.unary_stream("/test.Test/Wait")(b"") for one in (channel, water)]
            assert [await one.read() for one in open_streams] == [b"110", b"water"]
            begun = time.monotonic()
            assert ca.revoke("agency/110") == [serial(ca, "agency/110")]
            wrong = await refusal(asyncio.wait_for(open_streams[0].read(), 60))
            assert (wrong.code(), time.monotonic() - begun < 5) == (UNKNOWN, True)
            assert client.reason_of(wrong) == "UNAUTHENTICATED"
            wrong = await refusal(said(channel))
            assert (wrong.code(), wrong.details()) == (UNKNOWN, "this certificate was revoked")
            assert (await said(water)).startswith("water ")
            assert not open_streams[1].done()
            open_streams[1].cancel()
            ca.issue("agency/110")
            assert (await at.who("agency/110")).startswith("110 "), "a new certificate counts again"

    async def test_an_identity_revoked_for_ever(self, ca: Authority) -> None:
        ca.revoke("agency/110", for_ever=True)
        ca.issue("agency/110")
        async with served(ca.folder) as at:
            assert (await refusal(at.who("agency/110"))).code() == UNKNOWN

    async def test_a_list_that_cannot_be_read_lets_nobody_back_in(self, ca: Authority) -> None:
        ca.revoke("agency/110")
        async with served(ca.folder) as at, at.channel("agency/110") as channel:
            assert (await refusal(said(channel))).code() == UNKNOWN
            (ca.folder / "revoked").rename(ca.folder / "gone")
            at.server.edge.who.look()
            assert (await refusal(said(channel))).code() == UNKNOWN

    async def test_the_server_shows_a_new_certificate_without_a_restart(self, ca: Authority) -> None:
        async with served(ca.folder) as at, at.channel("agency/110") as before:
            await said(before)
            other = ca.new_root()
            ca.issue("svc/server", dns=("localhost",), ips=("127.0.0.1",))
            held = replace(files(ca.folder, "agency/110"), ca=str(ca.folder / "private" / f"root-{other}.pem"))
            trust = channel_credentials(held)
            async with grpc.aio.secure_channel(f"127.0.0.1:{at.port}", trust) as after:
                assert (await said(after)).startswith("110 "), "only the new certificate comes from the new root"
            assert (await said(before)).startswith("110 "), "the open connection stays"

    async def test_files_that_do_not_fit_leave_the_old_certificate(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            swap(files(ca.folder, "svc/server").key, files(ca.folder, "agency/110").key)
            assert (await at.who("agency/water")).startswith("water ")
            swap(files(ca.folder, "svc/server").key, files(ca.folder, "agency/110").key)
            assert (await at.who("agency/110")).startswith("110 ")


class TestChannel:
    """kernel/rpc/client.channel with an identity."""

    async def test_takes_a_new_certificate_and_lets_old_calls_end(self, ca: Authority) -> None:
        held = files(ca.folder, "agency/110")
        async with served(ca.folder) as at, client.channel(f"127.0.0.1:{at.port}", held) as channel:
            stream = channel.unary_stream("/test.Test/Wait")(b"")
            assert await stream.read() == b"110"
            before = serial(ca, "agency/110")
            assert (await said(channel)).endswith(before)
            ca.issue("agency/110")
            after = serial(ca, "agency/110")

            async def shown() -> bool:
                return (await said(channel)).endswith(after)

            await until(shown, "the new certificate is shown")
            assert not stream.done()
            stream.cancel()

    async def test_goes_on_while_the_files_do_not_fit(self, ca: Authority) -> None:
        held = files(ca.folder, "agency/110")
        async with served(ca.folder) as at, client.channel(f"127.0.0.1:{at.port}", held) as channel:
            assert (await said(channel)).startswith("110 ")
            with structlog.testing.capture_logs() as logs:
                swap(held.key, files(ca.folder, "agency/water").key)

                async def noticed() -> bool:
                    assert (await said(channel)).startswith("110 ")
                    return any(one["event"] == "certificate not renewed, the old one stays" for one in logs)

                await until(noticed, "it looked, and told")
            assert (await said(channel)).startswith("110 ")

    async def test_a_wallet_calls_as_whom_the_metadata_names(self, ca: Authority) -> None:
        wallet = Wallet(ca.folder)
        async with served(ca.folder) as at, client.channel(f"127.0.0.1:{at.port}", wallet) as channel:
            for agency in ("110", "water", "110"):
                assert (await said(channel, metadata=client.identity(agency))).startswith(f"{agency} ")
            assert (await said(channel, metadata=client.identity("", "x", "ops"))).startswith(" x ops ")

    async def test_a_root_is_replaced_under_calls_without_one_failing(self, ca: Authority) -> None:
        wallet, done = Wallet(ca.folder), asyncio.Event()
        seen: list[str] = []

        async def call_on() -> None:
            async with client.channel(f"127.0.0.1:{at.port}", wallet) as channel:
                while not done.is_set():
                    seen.append((await said(channel, metadata=client.identity("110"))).rpartition(" ")[2])
                    await asyncio.sleep(0.005)

        async with served(ca.folder) as at:
            calling = asyncio.create_task(call_on())
            await until(lambda: seen, "calls")
            ca.new_root()
            ca.renew()
            fresh = serial(ca, "agency/110")
            await until(lambda: seen[-1] == fresh or calling.done(), "calls with the new certificate")
            assert ca.drop_old_roots() == [1]
            count = len(seen)
            await until(lambda: len(seen) > count + 20 or calling.done(), "calls under the new root alone")
            done.set()
            await calling


class TestInspection:
    """Reflection tells the whole contract: for ops alone."""

    async def ask(self, channel: grpc.aio.Channel) -> list[str]:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=60)
        return [one.name async for answer in call for one in answer.list_services_response.service]

    async def test_for_ops_alone(self, ca: Authority) -> None:
        async with served(ca.folder) as at:
            async with at.channel("svc/ops") as channel:
                assert "grpc.health.v1.Health" in await self.ask(channel)
            async with at.channel("agency/110") as channel:
                assert (await refusal(self.ask(channel))).code() == DENIED


async def test_a_service_says_in_a_sentence_what_is_wrong_with_its_certificate(ca: Authority) -> None:
    held = files(ca.folder, "svc/server")
    environment = os.environ | {
        "CALLMESH_TLS_CERT": held.cert,
        "CALLMESH_TLS_KEY": files(ca.folder, "agency/110").key,
        "CALLMESH_TLS_CA": held.ca,
    }
    command = [sys.executable, "-m", "callmesh", "serve", "intake"]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "cannot use its certificate" in done.stderr
