"""Supervision (督办): watches limits, grants time and pauses, reminds, reviews results, follows up, closes, reopens.

RPCs served: RecordFollowUp, CloseCase, ReopenCase, SendBackResolution, ApproveResolution, ChangeSupervisor,
DecideExtension, SuspendReferral, DenySuspension, ResumeReferral, RemindReferral, RaiseSupervision, LiftSupervision,
RecordMediation, AdvanceRepeat, RectifyFinding, VerifyFinding, GrantDisclosure, EraseCase (SupervisionService).
Facts written: DeadlineWarned, DeadlineMissed, ReferralReminded, ExtensionDecided, ReferralSuspended,
SuspensionDenied, ReferralResumed, SupervisionRaised, SupervisionLifted, SupervisorChanged, FollowUpRecorded,
CaseClosed, CaseReopened, ResolutionSentBack, ResolutionApproved, MediationRecorded, RepeatAdvanced, FindingRecorded,
PatrolVisited, DisclosureDecided, CaseErased, CallLegChanged (nobody answered in time); for folded cases
CaseUnmerged and ChildLeft.
Destroys: data keys of erased cases (erasure.py).
Signs: the state of the log, every few minutes, into `AUDIT_<region>` (notary.py).
Reads: the log (to arm the next moment of every case, to end a pause of a case that turns urgent, to close cases
whose callers cannot be reached, to end folded cases with their parent, to patrol what closed), `due.>` (moments that
came), the directory.
Time is one scheduled message a case on `tm.<region>.<shard>.<case>`; NATS fires it, nobody
scans. When NATS or this service is down, what fell due meanwhile fires when both are back: late,
never lost, never early, and escalated once. A warning that comes after its limit is left out.
"""
