"""Gateway: what partner agencies call, and the inbox that feeds them.

RPCs served: ReceiveReferrals (the one stream), PullReferrals, AcknowledgeReferral, AcceptReferral,
ReportProgress, ReturnReferral, ContestReturn, ResolveReferral, RequestExtension, RequestSuspension,
RequestDisclosure, ListPresences (GatewayService).
Facts written: ReferralReceived, ReferralAccepted, ProgressReported, ReturnRequested, DisputeOpened (a denial
is contested), ReferralResolved, ExtensionRequested, SuspensionRequested, DisclosureRequested, DataReleased.
Reads: the log, which it projects into `in.<region>.<agency>.>`; one durable consumer an agency there;
the directory (release policies); what other processes of the gateway say of their partners
(`pr.<region>.*`) and of receipts (`rp.<region>.*`); what agencies that attach over NATS say
(`partner.cmd.*`). When NATS is down: calls and actions are refused with UNAVAILABLE, streams stay open and
go on. When a partner is down: its items wait in its inbox, clocks run from the offer, the limit's timer
escalates; everybody can see that it is away (ListPresences).
"""
