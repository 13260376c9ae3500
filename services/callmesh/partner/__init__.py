"""What a partner agency's program imports: an ordinary client of the gateway, with the tedious parts done.

    from callmesh.partner import Delivery, Partner, TlsFiles

`protos/README.md` is the guide, with a working integration of 30 lines. `client.Partner` is the whole surface: handlers
(`on_referral`, `on_news`, `on`), actions (`accept`, `progress`, `give_back`, `resolve` ... on a delivery, or later on
`partner.referral(name)`), `open_case` and `transfer_case` for the way back, `presences`, `health`, `stop`.

Promises: a handler is called at least once for each delivery, and once while the program lives; cases side by side, one
case's deliveries in the order they came. The receipt goes out after the handler returned, never before; a handler that
raises gets none, and the delivery comes again. Actions are sent until they are answered or patience ends, with one
request id, so they are done once. There are never more than `max_in_flight` deliveries in hand.

What it needs of you: handlers that store and return (work goes to `partner.start`), and that take a repeated
`delivery.id` for the same thing after a restart of your program.

It knows nothing of the services, the log or NATS (import contracts see to it). `simulated.py` is a partner played by a
machine, `faults.py` the mistakes it can be told to make.
"""

from callmesh.kernel.rpc.tls import BadCertificate, TlsFiles
from callmesh.partner.client import Health, Partner
from callmesh.partner.delivery import Actions, Delivery, Kind
from callmesh.partner.errors import (
    Changed,
    Defect,
    Invalid,
    NotAdmitted,
    NotFound,
    NotYours,
    PartnerError,
    Refused,
    RequestIdReused,
    Stopped,
    Unanswered,
    WrongState,
)

__all__ = [
    "Actions",
    "BadCertificate",
    "Changed",
    "Defect",
    "Delivery",
    "Health",
    "Invalid",
    "Kind",
    "NotAdmitted",
    "NotFound",
    "NotYours",
    "Partner",
    "PartnerError",
    "Refused",
    "RequestIdReused",
    "Stopped",
    "TlsFiles",
    "Unanswered",
    "WrongState",
]
