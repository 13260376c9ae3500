"""Accounts of NATS for agencies that attach over it: what `callmesh partner nats-config` writes.

The mesh has the account MESH, an agency one named like its durable consumer. The mesh exports three services, each with
the importing account's name as a token of its subject, so that the server itself refuses an import of somebody else's:
the next message of the durable, its acknowledgements, its commands. There is nothing else to reach: another account
has subjects of its own, and what a client puts into the reply of a request is resolved in its account, not in the
mesh's (within one account it could have messages of the log stored again).
"""

from __future__ import annotations

import secrets

from callmesh.kernel.subjects import Names

USER = "mesh"


def password() -> str:
    """A fresh one, 192 bits."""
    return secrets.token_urlsafe(24)


def mesh(names: Names, secret: str) -> str:
    """The account of the services, and what agencies may import of it."""
    exports = "\n".join(
        f'    {{ service: "{subject}", {answers}account_token_position: {subject.split(".").index("*") + 1} }}'
        for subject, answers in _offered(names, "*")
    )
    return f"""\
MESH {{
  jetstream: enabled
  users: [ {{ user: "{USER}", password: "{secret}" }} ]
  exports: [
{exports}
  ]
}}
"""


def agency(names: Names, agency_id: str, secret: str) -> str:
    """An agency's account, with one user that can do three things."""
    name = names.inbox_durable(agency_id)
    wanted = [subject for subject, _ in _offered(names, name)]
    imports = "\n".join(f'    {{ service: {{ account: MESH, subject: "{subject}" }} }}' for subject in wanted)
    allowed = ", ".join(f'"{subject}"' for subject in wanted)
    return f"""\
{name} {{
  users: [
    {{
      user: "{agency_id}", password: "{secret}"
      permissions {{ publish: [{allowed}], subscribe: ["_INBOX.>"] }}
    }}
  ]
  imports: [
{imports}
  ]
}}
"""


def _offered(names: Names, durable: str) -> list[tuple[str, str]]:
    """Subjects of one durable (or `*`), and how its service answers."""
    return [
        (f"$JS.API.CONSUMER.MSG.NEXT.{names.inbox_stream}.{durable}", "response_type: stream, "),
        (f"$JS.ACK.{names.inbox_stream}.{durable}.>", ""),
        (names.command(durable), ""),
    ]
