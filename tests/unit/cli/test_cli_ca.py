"""`callmesh ca`: what is issued can be used, what is revoked is on the list, a root goes only when nobody needs it."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from callmesh.cli import checks_certificates
from callmesh.cli.authority import Authority
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.main import main


def ca(folder: Path, *words: str) -> Result:
    command, *rest = words
    return CliRunner().invoke(main, ["ca", command, "--dir", str(folder), *rest])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = ca(tmp_path / "ca", "init", "--domain", "city.example")
    assert made.exit_code == 0, made.output
    return tmp_path / "ca"


def certificate(folder: Path, identity: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{identity}.pem").read_bytes())


def names(found: x509.Certificate) -> x509.SubjectAlternativeName:
    return found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def listed(folder: Path, *words: str) -> dict[str, str]:
    rows = [json.loads(line) for line in ca(folder, "list", "--json", *words).output.splitlines()]
    return {one["identity"]: one["state"] for one in rows}


class TestIssue:
    def test_one_uri_and_a_dns_name(self, folder: Path) -> None:
        assert ca(folder, "issue", "agency/water").exit_code == 0
        found = certificate(folder, "agency/water")
        assert names(found).get_values_for_type(x509.UniformResourceIdentifier) == [
            "spiffe://city.example/agency/water"
        ]
        assert names(found).get_values_for_type(x509.DNSName) == ["water.agency.city.example"]
        found.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()))

    def test_an_agencys_lives_ninety_days_a_services_one(self, folder: Path) -> None:
        for identity, days in (("agency/water", 90), ("svc/gateway", 1)):
            ca(folder, "issue", identity)
            left = certificate(folder, identity).not_valid_after_utc - datetime.now(UTC)
            assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)

    def test_only_a_service_may_serve(self, folder: Path) -> None:
        for identity, serves in (("agency/water", False), ("svc/gateway", True)):
            ca(folder, "issue", identity)
            uses = certificate(folder, identity).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert (ExtendedKeyUsageOID.SERVER_AUTH in uses) == serves
            assert ExtendedKeyUsageOID.CLIENT_AUTH in uses

    def test_names_that_clients_call_it_by(self, folder: Path) -> None:
        ca(folder, "issue", "svc/gateway", "--dns", "gw.city.example", "--ip", "10.0.0.5", "--ip", "::1")
        found = names(certificate(folder, "svc/gateway"))
        assert found.get_values_for_type(x509.DNSName) == ["gateway.svc.city.example", "gw.city.example"]
        assert [str(one) for one in found.get_values_for_type(x509.IPAddress)] == ["10.0.0.5", "::1"]

    def test_keys_are_their_owners_alone(self, folder: Path) -> None:
        ca(folder, "issue", "agency/water")
        for key in (folder / "agency" / "water.key", folder / "private" / "root-1.key"):
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "private").stat().st_mode) == 0o700

    @pytest.mark.parametrize(
        "words",
        [
            ("issue", "water"),
            ("issue", "agency/../../etc"),
            ("issue", "agency/"),
            ("issue", "agency/water", "--days", "91"),
            ("issue", "svc/gateway", "--ip", "gateway"),
            ("revoke", "agency/nobody"),
            ("revoke", "abc123"),
            ("rotate", "--leaves", "--finish"),
            ("init",),
        ],
    )
    def test_nonsense_is_refused_in_a_sentence(self, folder: Path, words: tuple[str, ...]) -> None:
        done = ca(folder, *words)
        assert (done.exit_code, "Traceback" in done.output) == (2, False)
        assert done.output.startswith("callmesh: ")

    def test_without_an_authority(self, tmp_path: Path) -> None:
        done = ca(tmp_path, "list")
        assert (done.exit_code, "callmesh ca init" in done.output) == (2, True)


class TestRevoke:
    def test_every_living_certificate_of_an_identity_and_none_that_comes_later(self, folder: Path) -> None:
        for _ in range(2):
            ca(folder, "issue", "agency/water")
        ca(folder, "issue", "agency/gas")
        assert ca(folder, "revoke", "agency/water").exit_code == 0
        assert len(Authority(folder).revoked()) == 2
        assert listed(folder) == {"agency/water": "revoked", "agency/gas": "ok"}
        ca(folder, "issue", "agency/water")
        assert listed(folder) == {"agency/water": "ok", "agency/gas": "ok"}

    def test_one_by_its_serial_number(self, folder: Path) -> None:
        ca(folder, "issue", "agency/water")
        serial = f"{certificate(folder, 'agency/water').serial_number:X}"
        assert ca(folder, "revoke", serial).exit_code == 0
        assert listed(folder) == {"agency/water": "revoked"}
        assert "nothing new" in ca(folder, "revoke", serial).output

    def test_an_identity_for_ever(self, folder: Path) -> None:
        ca(folder, "issue", "agency/water")
        ca(folder, "revoke", "agency/water", "--for-ever")
        ca(folder, "issue", "agency/water")
        assert listed(folder) == {"agency/water": "revoked"}


class TestRotate:
    def test_the_old_root_stays_until_nobody_needs_it(self, folder: Path) -> None:
        ca(folder, "issue", "agency/water")
        assert ca(folder, "rotate").exit_code == 0
        roots = x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
        assert len(roots) == 2
        early = ca(folder, "rotate", "--finish")
        assert (early.exit_code, "agency/water" in early.output) == (1, True)
        assert ca(folder, "rotate", "--leaves").exit_code == 0
        certificate(folder, "agency/water").verify_directly_issued_by(roots[0])
        assert ca(folder, "rotate", "--finish").exit_code == 0
        assert len(x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())) == 1
        assert sorted(one.name for one in (folder / "private").iterdir()) == ["root-2.key", "root-2.pem"]

    def test_renewed_ones_keep_their_names_and_life(self, folder: Path) -> None:
        ca(folder, "issue", "svc/gateway", "--dns", "gw.city.example", "--days", "7")
        ca(folder, "rotate")
        ca(folder, "rotate", "--leaves")
        found = certificate(folder, "svc/gateway")
        assert "gw.city.example" in names(found).get_values_for_type(x509.DNSName)
        left = found.not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)

    def test_revoked_ones_are_not_renewed(self, folder: Path) -> None:
        ca(folder, "issue", "agency/water")
        ca(folder, "revoke", "agency/water")
        ca(folder, "rotate")
        assert ca(folder, "rotate", "--leaves").output.startswith("0 certificates")


class TestDoctor:
    def look(self, folder: Path) -> checks_certificates.Check:
        return checks_certificates.look(Endpoints(services={}, nats_url="", nats_monitor="", identities=str(folder)))

    @pytest.mark.parametrize(
        ("identity", "hours", "state"),
        [("agency/water", 90 * 24, "ok"), ("agency/water", -1, "FAIL"), ("svc/g", 24, "ok"), ("agency/gas", 240, "ok")],
    )
    def test_says_what_has_expired(self, folder: Path, identity: str, hours: float, state: str) -> None:
        """The list says the same, of short lives too."""
        Authority(folder).issue(identity, hours)
        assert self.look(folder).state == state
        listed = json.loads(ca(folder, "list", "--json").output)
        assert listed["state"] == {"FAIL": "expired"}.get(state, state)

    def test_two_weeks_before_it_ends(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Authority(folder).issue("agency/water")
        assert self.look(folder).state == "ok"
        monkeypatch.setattr(checks_certificates, "datetime", _Later)
        assert (self.look(folder).state, "agency/water" in self.look(folder).found) == ("warn", True)

    def test_without_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CALLMESH_TLS_CERT", raising=False)
        found = checks_certificates.look(Endpoints(services={}, nats_url="", nats_monitor=""))
        assert (found.state, "believed" in found.found) == ("warn", True)


class _Later(datetime):
    """77 days on."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(days=77)
