"""Classification (分类): suggests category, level and agencies, and records what was decided.

RPCs served: SuggestClassification (stateless), ClassifyCase, ListCategories.
Facts written: CaseClassified. Reads: the log, for cases opened without an operator on the line, for an emergency in
what is added to any case (it raises the flag, nothing else), and for what operators corrected (it teaches
the overlay of their agency); the directory; the rules folder.
When NATS is down: suggestions go on from the last known city, recording is refused with UNAVAILABLE,
unattended cases are classified when it is back. An engine that fails says ASK.
"""
