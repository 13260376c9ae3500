"""Mistakes that partners' software makes, by name, and a seeded plan of which are made when.

A simulated partner with an empty plan is a correct one. With faults it makes exactly these mistakes, so that a
conformance kit can show that it finds each, and blames a correct partner for none. Faults are made on the wire
(`faulty.py`) or by the people behind it (`simulated.py`); the client itself knows none of them.

Everything is drawn from the plan's seed: the same seed, the same partner.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from random import Random


class Fault(Enum):
    """A mistake: its name on the command line, and what the partner does wrong."""

    # Receipts.
    NO_RECEIPT = "no-receipt", "never sends a receipt"
    EARLY_RECEIPT = "early-receipt", "receipts before it stored: what it holds when the connection breaks is lost"
    NO_SECOND_RECEIPT = "no-second-receipt", "receipts a delivery once, not when it comes again"
    RECEIPT_WITHOUT_ID = "receipt-without-id", "leaves delivery_id out of its receipts"
    RECEIPT_IS_ACCEPTANCE = "receipt-is-acceptance", "accepts every delivery by machine, news of a referral too"

    # Repeats, order and words that it does not know.
    NOT_DEDUPLICATED = "not-deduplicated", "takes a redelivery for a new delivery and works it again"
    STALE_NEWS_WINS = "stale-news-wins", "believes what came last, not what has the higher etag"
    UNKNOWN_KIND_HANGS_UP = "unknown-kind-hangs-up", "ends the stream at a kind of delivery that it does not know"
    UNKNOWN_KIND_DROPPED = "unknown-kind-dropped", "does not receipt a kind of delivery that it does not know"
    UNKNOWN_CODE_REFUSED = "unknown-code-refused", "does not work a category that it does not know"
    UNKNOWN_FIELD_REFUSED = "unknown-field-refused", "does not receipt a message with a field that it does not know"

    # Actions.
    NEW_ID_EACH_TRY = "new-id-each-try", "takes a new request_id when it sends an action again"
    ONE_ID_FOR_ALL = "one-id-for-all", "uses one request_id for all actions on a referral"
    BAD_REQUEST_ID = "bad-request-id", "uses a request_id with spaces, longer than 64 characters"
    FORGETS_UNANSWERED = "forgets-unanswered", "does not send an action again whose answer was lost"
    NO_HANDLER = "no-handler", "accepts without saying who"
    RESOLVES_UNACCEPTED = "resolves-unaccepted", "resolves without accepting first"
    NO_PUBLIC_REPLY = "no-public-reply", "leads, and resolves without a public reply"
    GUESSES_NAMES = "guesses-names", "makes names up: always works on .../referrals/1 of the case"
    TEXT_TOO_LONG = "text-too-long", "sends 5,000 characters of progress text"

    # Answers.
    IGNORES_REFUSAL = "ignores-refusal", "goes on as if a refused action had been done"
    REPEATS_REFUSED = "repeats-refused", "sends a refused action again and again"
    IGNORES_RETRY_INFO = "ignores-retry-info", "does not wait as RetryInfo says"
    BLOCKS_ON_ANSWER = "blocks-on-answer", "receipts nothing while an answer is outstanding"
    FORGETS_SUPPORT = "forgets-support", "leads, and never resolves once it was told that support is open"

    # The life of a referral.
    IGNORES_RECALL = "ignores-recall", "works on after RECALLED, WAIVED or RETURN_GRANTED"
    GIVES_UP_LATE = "gives-up-late", "does not accept any more once it was reminded"
    WORKS_PAUSED = "works-paused", "reports and resolves while the referral is suspended"

    # The connection.
    NO_RECONNECT = "no-reconnect", "stays away after its stream broke"
    RECONNECT_STORM = "reconnect-storm", "connects again at once, without pause, for ever"
    STREAM_LEAK = "stream-leak", "opens a second stream beside the first one"
    DEADLINE_ON_STREAM = "deadline-on-stream", "sets a deadline of a second on its stream"
    NO_HELLO = "no-hello", "sends actions before hello"
    TOO_MUCH_IN_FLIGHT = "too-much-in-flight", "asks for 100,000 deliveries in flight"
    WRONG_AGENCY = "wrong-agency", "says that it is another agency than its certificate says"
    ANY_CERTIFICATE = "any-certificate", "trusts whatever self-signed certificate the server shows"

    def __new__(cls, name: str, meaning: str) -> Fault:
        """The name is the value; the meaning is kept beside."""
        made = object.__new__(cls)
        made._value_ = name
        return made

    def __init__(self, name: str, meaning: str) -> None:
        self.meaning = meaning

    @classmethod
    def named(cls, name: str) -> Fault:
        """The fault of that name; raises KeyError."""
        return {str(one.value): one for one in cls}[name]


class FaultPlan:
    """Which faults a partner has. `rate` is how often each is made when there is occasion, above 0 to 1 (always)."""

    def __init__(self, seed: int = 0, faults: Iterable[Fault] = (), rate: float = 1.0) -> None:
        if not 0 < rate <= 1:
            raise ValueError("rate must be above 0, at most 1")
        self.seed, self.faults, self.rate = seed, frozenset(faults), rate
        self._dice = {one: Random(f"{seed}/{one.value}") for one in self.faults}

    def has(self, fault: Fault) -> bool:
        """Whether the partner has it at all."""
        return fault in self.faults

    def strikes(self, fault: Fault) -> bool:
        """Whether it is made now. Each fault has dice of its own: one more in the plan changes no other."""
        return fault in self.faults and (self.rate == 1 or self._dice[fault].random() < self.rate)

    def random(self, purpose: str) -> Random:
        """Numbers of the seed for something else that is drawn, a person's pace for example."""
        return Random(f"{self.seed}/{purpose}")

    def __repr__(self) -> str:
        names = ", ".join(sorted(one.value for one in self.faults)) or "none"
        return f"FaultPlan(seed={self.seed}, faults: {names}, rate={self.rate})"
