"""Which of the five stages 接报 指派 处置 督办 反馈 a fact belongs to."""

from __future__ import annotations

from callmesh.api.v1 import tracking_service_pb2

Stage = tracking_service_pb2.TimelineEntry.Stage
_RECEIVE = (
    *("CaseOpened", "ReportAmended", "CaseClassified", "CaseLinked"),
    *("CaseMerged", "CaseUnmerged", "ChildJoined", "ChildLeft"),
)
_ASSIGN = (
    *("CaseTransferred", "ReferralReceived", "DeliveryFailed", "ReferralRecalled", "ReferralWaived"),
    *("ReturnRequested", "ReturnGranted", "ReturnDenied", "DisputeOpened", "JurisdictionDesignated"),
    *("CaseReopened",),
)
_SUPERVISE = (
    *("DeadlineWarned", "DeadlineMissed", "ReferralReminded", "SupervisionRaised", "SupervisionLifted"),
    *("SupervisorChanged", "ResolutionSentBack", "ResolutionApproved", "FindingRecorded"),
    *("RepeatAdvanced", "PatrolVisited", "CaseErased"),
)
_FEEDBACK = (*("ReferralResolved", "FollowUpRecorded", "CaseClosed", "CaseAnswered", "CaseRejected", "CaseCancelled"),)
_HANDLE = (
    *("ReferralAccepted", "ProgressReported", "ReferralSuspended", "ReferralResumed"),
    *("SuspensionRequested", "SuspensionDenied"),
    *("ExtensionRequested", "ExtensionDecided", "CaseAnnotated", "CallLegChanged", "MediationRecorded"),
    *("DisclosureRequested", "DisclosureDecided", "DataReleased"),
)
STAGES = {
    kind: stage
    for stage, kinds in (
        (Stage.RECEIVE, _RECEIVE),
        (Stage.ASSIGN, _ASSIGN),
        (Stage.HANDLE, _HANDLE),
        (Stage.SUPERVISE, _SUPERVISE),
        (Stage.FEEDBACK, _FEEDBACK),
    )
    for kind in kinds
}


def stage_of(kind: str) -> "Stage.ValueType":
    """The stage of a kind of fact; a kind of a newer version has none."""
    return STAGES.get(kind, Stage.STAGE_UNSPECIFIED)
