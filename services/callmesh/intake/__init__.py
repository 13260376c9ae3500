"""Intake (接报): writes reports down as cases.

RPCs served: OpenCase, AmendCase, AnnotateCase, AnswerCase, RejectCase, CancelCase (IntakeService).
Facts written: CaseOpened, ReportAmended, CaseAnnotated, CaseAnswered, CaseRejected, CaseCancelled.
Reads: the directory (devices, divisions). Consumes nothing.
When NATS is down: every call is refused with UNAVAILABLE at once and nothing is kept, so the desk
keeps the draft. When a client repeats a call, the same case answers.
"""
