"""`callmesh ca`: a small certificate authority, for development and small sites.

The work is in authority.py. Larger sites bring certificates of their own: what counts is one SPIFFE id and a DNS name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callmesh.cli.output import EXITS, BadInput, Manual, ManualGroup, json_line, table

if TYPE_CHECKING:
    from callmesh.cli.authority import Authority, Issued

FOLDER = "callmesh-ca"
_FILES = """\
DIR/ca.pem              CALLMESH_TLS_CA: authorities that are trusted
DIR/svc/NAME.pem .key   CALLMESH_TLS_CERT, CALLMESH_TLS_KEY of a service
DIR/agency/ID.pem .key  what a partner agency calls with; give it these two and ca.pem
DIR/revoked             CALLMESH_TLS_REVOKED
DIR/private/            keys of the authority: keep them from everybody else"""
_EXAMPLES = """\
callmesh ca init                                     an authority in ./callmesh-ca
callmesh ca issue svc/gateway --dns gateway.city.example
callmesh ca issue agency/water                       90 days
callmesh ca revoke agency/water                      and it is out within a second
callmesh ca list"""
_ROTATE = """\
callmesh ca rotate             a new root, trusted beside the old one: copy ca.pem to everybody
callmesh ca rotate --leaves    new certificates under it: copy them to their owners
callmesh ca rotate --finish    the old root is trusted no more: copy ca.pem again"""
_folder = click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, help="Folder of the authority."
)


@click.group("ca", cls=ManualGroup, sections={"Files": _FILES, "Exit status": EXITS, "Examples": _EXAMPLES})
def command() -> None:
    """Issue and revoke the certificates that services and partner agencies know each other by (mTLS).

    An identity is agency/ID, as in the city's data, or svc/NAME. svc/ops is who runs the mesh.
    """


@command.command("init", cls=Manual, sections={"Files": _FILES, "Exit status": EXITS})
@_folder
@click.option("--domain", default="callmesh.internal", help="Trust domain, the same as CALLMESH_TLS_DOMAIN.")
def init(folder: Path, domain: str) -> None:
    """Make an authority with its first root."""
    from callmesh.cli.authority import Authority

    made = Authority.create(folder, domain)
    click.echo(f"authority for spiffe://{made.domain} in {folder}; trust {folder}/ca.pem")


@command.command("issue", cls=Manual, sections={"Exit status": EXITS, "Examples": _EXAMPLES})
@_folder
@click.argument("identity")
@click.option("--days", type=click.FloatRange(min=0.01), help="Life. [default: 90 for an agency, 1 for a service]")
@click.option("--dns", multiple=True, help="A further DNS name, as clients call the server; may be repeated.")
@click.option("--ip", "ips", multiple=True, help="An IP address that clients call the server by; may be repeated.")
def issue(folder: Path, identity: str, days: float | None, dns: tuple[str, ...], ips: tuple[str, ...]) -> None:
    """Issue a certificate to IDENTITY, agency/ID or svc/NAME; the one before is replaced, not revoked."""
    made = _authority(folder).issue(identity, (days or 0) * 24, dns, ips)
    click.echo(f"{made.identity}: {folder}/{made.identity}.pem and .key, serial {made.serial}, until {made.expires}")


@command.command("rotate", cls=Manual, sections={"Exit status": EXITS, "Examples": _ROTATE})
@_folder
@click.option("--leaves", is_flag=True, help="Issue every certificate in use anew, under the newest root.")
@click.option("--finish", is_flag=True, help="Trust the newest root alone.")
def rotate(folder: Path, leaves: bool, finish: bool) -> None:
    """Replace the root in three steps, each of which leaves everybody connected."""
    if leaves and finish:
        raise BadInput("one step at a time: copy the certificates before the old root goes")
    authority = _authority(folder)
    if leaves:
        renewed = authority.renew()
        click.echo(
            f"{len(renewed)} certificates issued anew; copy them to their owners, then: callmesh ca rotate --finish"
        )
    elif finish:
        dropped = authority.drop_old_roots()
        click.echo(f"{len(dropped)} old roots are trusted no more; copy {folder}/ca.pem to everybody")
    else:
        number = authority.new_root()
        click.echo(
            f"root {number} is trusted beside the others; copy {folder}/ca.pem to everybody, then: "
            "callmesh ca rotate --leaves"
        )


@command.command("revoke", cls=Manual, sections={"Exit status": EXITS})
@_folder
@click.argument("what", metavar="IDENTITY|SERIAL")
@click.option("--for-ever", is_flag=True, help="The identity itself: certificates issued later do not count either.")
def revoke(folder: Path, what: str, for_ever: bool) -> None:
    """Put an identity's living certificates, or one by its serial number, on the list of revoked ones.

    Services look at the list (CALLMESH_TLS_REVOKED) every second: calls are refused, open streams end.
    """
    put = _authority(folder).revoke(what, for_ever)
    click.echo(f"revoked: {', '.join(put) or 'nothing new'}; list: {folder}/revoked")


@command.command("list", cls=Manual, sections={"Exit status": EXITS})
@_folder
@click.option("--all", "everything", is_flag=True, help="Those that were replaced, too.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each certificate.")
def listing(folder: Path, everything: bool, as_json: bool) -> None:
    """Show what was issued, and until when it counts."""
    authority = _authority(folder)
    rows = authority.issued() if everything else list(authority.current())
    out = authority.revoked()
    if as_json:
        for one in rows:
            json_line(
                {"identity": one.identity, "serial": one.serial, "expires": one.expires, "state": _state(one, out)}
            )
        return
    drawn = [(one.identity, _state(one, out), one.expires, str(one.root), one.serial) for one in rows]
    table(("identity", "", "until", ">root", "serial"), drawn)


def _state(one: Issued, out: frozenset[str]) -> str:
    from callmesh.cli.authority import ends_soon

    left = one.until - datetime.now(UTC)
    if one.serial in out or any(entry.endswith(f"/{one.identity}") for entry in out):
        return "revoked"
    if left < timedelta(0):
        return "expired"
    return "warn" if ends_soon(left, one.life) else "ok"


def _authority(folder: Path) -> Authority:
    from callmesh.cli.authority import Authority

    return Authority(folder)
