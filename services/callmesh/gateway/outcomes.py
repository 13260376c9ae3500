"""An action of a partner, carried out: its outcome, whichever way it came."""

from __future__ import annotations

from google.protobuf.message import Message

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.errors import DomainError, Invalid
from callmesh.gateway.actions import Actions
from callmesh.kernel import telemetry
from callmesh.kernel.rpc.errors import internal, status_of


def request_of(action: pb.Action) -> Message:
    """What is asked; the action itself when it is empty."""
    kind = action.WhichOneof("action")
    found: Message = getattr(action, kind) if kind else action
    return found


def request_id_of(action: pb.Action) -> str:
    """The action's; of one without that of what it asks, where a unary call has it: a retry must be known as one."""
    return action.request_id or getattr(request_of(action), "request_id", "")


async def outcome_of(do: Actions, action: pb.Action) -> pb.Outcome:
    """Carries it out; a refusal or a defect is an outcome, too."""
    outcome = pb.Outcome(request_id=request_id_of(action))
    try:
        await _apply(do, action, outcome)
    except DomainError as refused:
        outcome.status.CopyFrom(status_of(refused))
    except Exception as wrong:
        kind = action.WhichOneof("action") or ""
        telemetry.log.error("action failed", method=kind, error=telemetry.fault(wrong))
        outcome.status.CopyFrom(internal(f"{telemetry.current().trace_id:032x}"))
    return outcome


async def _apply(do: Actions, action: pb.Action, outcome: pb.Outcome) -> None:
    request_id = request_id_of(action)
    match action.WhichOneof("action"):
        case "acknowledge":
            await do.receipt(action.acknowledge)  # a stream answers refusals of it alone
        case "accept":
            outcome.referral.CopyFrom(await do.accept(action.accept, request_id))
        case "progress":
            outcome.referral.CopyFrom(await do.progress(action.progress, request_id))
        case "return_referral":
            outcome.referral.CopyFrom(await do.give_back(action.return_referral, request_id))
        case "contest":
            outcome.referral.CopyFrom(await do.contest(action.contest, request_id))
        case "resolve":
            outcome.referral.CopyFrom(await do.resolve(action.resolve, request_id))
        case "request_extension":
            outcome.referral.CopyFrom(await do.request_extension(action.request_extension, request_id))
        case "request_suspension":
            outcome.referral.CopyFrom(await do.request_suspension(action.request_suspension, request_id))
        case "request_disclosure":
            outcome.referral.CopyFrom(await do.request_disclosure(action.request_disclosure, request_id))
        case _:
            raise Invalid("the action is empty", "动作为空", {"action": "required"})
