"""Supervision (督办): watches limits, records what the caller says, closes and reopens.

RPCs served: RecordFollowUp, CloseCase, ReopenCase, RecordMediation, AdvanceRepeat, RectifyFinding, VerifyFinding
(SupervisionService).
Facts written: DeadlineMissed, FollowUpRecorded, CaseClosed, CaseReopened, MediationRecorded, RepeatAdvanced,
FindingRecorded, PatrolVisited; for folded cases CaseUnmerged and ChildLeft.
Reads: the log (to arm the next limit of every case, to end folded cases with their parent, to patrol what
closed), `due.>` (limits that ran out), the directory.
A limit is one scheduled message a case on `tm.<region>.<shard>.<case>`; NATS fires it, nobody
scans. When NATS or this service is down, what fell due meanwhile fires when both are back: late,
never lost, never early, and escalated once.
"""
