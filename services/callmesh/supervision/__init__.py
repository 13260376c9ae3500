"""Supervision (督办): watches limits, reviews results, records what the caller says, closes and reopens.

RPCs served: RecordFollowUp, CloseCase, ReopenCase, SendBackResolution, ApproveResolution, ChangeSupervisor
(SupervisionService).
Facts written: DeadlineMissed, FollowUpRecorded, CaseClosed, CaseReopened, ResolutionSentBack, ResolutionApproved,
SupervisorChanged.
Signs: the state of the log, every few minutes, into `AUDIT_<region>` (notary.py).
Reads: the log (to arm the next limit of every case, and to close those whose callers cannot be reached),
`due.>` (limits that ran out), the directory.
A limit is one scheduled message a case on `tm.<region>.<shard>.<case>`; NATS fires it, nobody
scans. When NATS or this service is down, what fell due meanwhile fires when both are back: late,
never lost, never early, and escalated once.
"""
