"""Supervision (督办): watches limits, grants time and pauses, reminds, asks the caller, closes and reopens.

RPCs served: RecordFollowUp, CloseCase, ReopenCase, DecideExtension, SuspendReferral, DenySuspension, ResumeReferral,
RemindReferral, RaiseSupervision, LiftSupervision (SupervisionService).
Facts written: DeadlineWarned, DeadlineMissed, ReferralReminded, ExtensionDecided, ReferralSuspended,
SuspensionDenied, ReferralResumed, SupervisionRaised, SupervisionLifted, FollowUpRecorded, CaseClosed, CaseReopened.
Reads: the log (to arm the next moment of every case; a pause of a case that turns urgent ends), `due.>` (moments
that came), the directory.
Time is one scheduled message a case on `tm.<region>.<shard>.<case>`; NATS fires it, nobody
scans. When NATS or this service is down, what fell due meanwhile fires when both are back: late,
never lost, never early, and escalated once. A warning that comes after its limit is left out.
"""
