"""Intake (接报): writes reports down as cases, links those that belong together, folds those that are one.

RPCs served: OpenCase, AmendCase, AnnotateCase, AnswerCase, RejectCase, CancelCase, MergeCase, UnmergeCase
(IntakeService).
Facts written: CaseOpened, ReportAmended, CaseAnnotated, CaseAnswered, CaseRejected, CaseCancelled, CaseMerged,
CaseUnmerged, ChildJoined, ChildLeft, CaseLinked, RepeatAdvanced (opened).
Reads: the log (opened and classified cases, folding over shards); the directory (devices, divisions, repeats);
`rc.>`, keyed hashes of who called lately, which it writes.
When NATS is down: every call is refused with UNAVAILABLE at once and nothing is kept, so the desk
keeps the draft; links come when it is back. When a client repeats a call, the same case answers.
"""
