"""Transfer (转办): one key hands a case over, and a return finds its next owner.

RPCs served: TransferCase, DecideReturn, DesignateJurisdiction, RecallReferral, WaiveReferral (TransferService).
Facts written: CaseTransferred, ReturnGranted, ReturnDenied, DisputeOpened (a second return is granted),
JurisdictionDesignated, ReferralRecalled, ReferralWaived; by the city's rules of folding CaseMerged, ChildJoined,
CaseLinked.
Reads: the log, for classified cases that may travel by themselves or be folded, for threats, and for returns that
the city's policy grants at once; the directory; `rc.>`, which it writes. When NATS is down: calls are
refused with UNAVAILABLE, rules act when it is back. A silent partner changes nothing here: the limit's timer escalates.
"""
