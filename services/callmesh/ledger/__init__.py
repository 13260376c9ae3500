"""The ledger: the one log of facts, one subject a case, and the one function that appends to it.

A command travels: `handle` loads the head (cached or from the log), asks the domain to decide,
appends fact and resulting case as one message guarded by the head's sequence, and on conflict
loads again. Nobody else appends. `port.Ledger` has two implementations, in memory and on
JetStream, held to the same contract tests. `wire` is the only place where domain values become
protos and back.
"""
