"""Transfer (转办): one key hands a case over, and a return finds its next owner.

RPCs served: TransferCase, DecideReturn, DesignateJurisdiction, RecallReferral, WaiveReferral, ConferenceCase,
LeaveCall, EndCallLeg, RecordCallBack (TransferService).
Facts written: CaseTransferred, ReturnGranted, ReturnDenied, DisputeOpened (a second return is granted),
JurisdictionDesignated, ReferralRecalled, ReferralWaived, CallLegChanged; by the city's rules of folding CaseMerged,
ChildJoined, CaseLinked.
Reads: the log, for classified cases that may travel by themselves or be folded, for threats and dangers found
later, for returns that the city's policy grants at once, and for calls to put through (legs.py); the directory; `rc.>`,
which it writes; what the telephone switch says, if one is attached. When NATS is down: calls are refused with
UNAVAILABLE, rules act when it is back. A silent partner changes nothing here: the limit's timer escalates. When the
switch is away the data goes anyway.
"""
