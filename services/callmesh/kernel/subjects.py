"""Subject and stream names, here only."""

from __future__ import annotations

from dataclasses import dataclass

DLQ_STREAM = "DLQ"
DLQ_PARKED = "dlq"
ADVISORIES = (
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
)
DIRECTORY_BUCKET = "directory"


@dataclass(frozen=True)
class Names:
    """All names of one region."""

    region: str

    def log_stream(self, shard: int | str) -> str:
        """The log of a shard."""
        return f"LOG_{self.region}_{shard}"

    @property
    def timers_stream(self) -> str:
        """Timers and what they fire."""
        return f"TIMERS_{self.region}"

    @property
    def timers_all(self) -> str:
        """Every timer that is armed."""
        return f"tm.{self.region}.>"

    @property
    def due_all(self) -> str:
        """Every timer that fired."""
        return f"due.{self.region}.>"

    def due_of(self, shard: int | str) -> str:
        """Those of a shard's cases."""
        return f"due.{self.region}.{shard}.>"

    @property
    def inbox_stream(self) -> str:
        """What partners are to receive."""
        return f"INBOX_{self.region}"

    @property
    def inbox_all(self) -> str:
        """Every agency's news."""
        return f"in.{self.region}.>"

    @property
    def audit_stream(self) -> str:
        """Signed heads of the logs."""
        return f"AUDIT_{self.region}"

    @property
    def audit_all(self) -> str:
        """Signed heads of every log."""
        return f"au.{self.region}.>"

    def audit(self, shard: int | str) -> str:
        """Signed heads of one shard's log."""
        return f"au.{self.region}.{shard}"

    @property
    def bookmarks_stream(self) -> str:
        """How far the services' readers are."""
        return f"BOOKMARKS_{self.region}"

    @property
    def bookmarks_all(self) -> str:
        """How far anybody is."""
        return f"bm.{self.region}.>"

    def bookmark(self, stream: str, durable: str) -> str:
        """How far a durable is in a stream."""
        return f"bm.{self.region}.{stream}.{durable}"

    @property
    def recent_stream(self) -> str:
        """Who came lately under a key."""
        return f"RECENT_{self.region}"

    @property
    def recent_all(self) -> str:
        """The last comers of every key."""
        return f"rc.{self.region}.>"

    def recent(self, key: str) -> str:
        """Where a key's last comers stand."""
        return f"rc.{self.region}.{key}"

    @property
    def keys_stream(self) -> str:
        """Wrapped data keys."""
        return f"KEYS_{self.region}"

    @property
    def keys_all(self) -> str:
        """Every data key of the region."""
        return f"key.{self.region}.>"

    @staticmethod
    def key(case_id: str) -> str:
        """Where a case's data key is kept."""
        return "key." + ".".join(case_id.split("-", 2))

    @property
    def key_news_all(self) -> str:
        """What happened to any key of the region."""
        return f"keynews.{self.region}.>"

    @staticmethod
    def key_news(case_id: str) -> str:
        """Where processes are told what is kept of a case's data key now; stored nowhere."""
        return "keynews." + ".".join(case_id.split("-", 2))

    def log_all(self, shard: int | str) -> str:
        """Every case of a shard."""
        return f"ev.{self.region}.{shard}.>"

    def case(self, case_id: str) -> str:
        """The subject of a case, from its id `<region>-<shard>-<ulid>`."""
        region, shard, key = case_id.split("-", 2)
        return f"ev.{region}.{shard}.{key}"

    @staticmethod
    def case_stream(case_id: str) -> str:
        """The stream a case lives in."""
        region, shard, _ = case_id.split("-", 2)
        return f"LOG_{region}_{shard}"

    @staticmethod
    def case_id(subject: str) -> str:
        """The id of the case whose subject this is (any of ev., tm., due., key., keynews.)."""
        return "-".join(subject.split(".")[1:4])

    @staticmethod
    def timer(case_id: str) -> str:
        """Where a case's next deadline is armed."""
        return "tm." + ".".join(case_id.split("-", 2))

    @staticmethod
    def due(case_id: str) -> str:
        """Where it fires."""
        return "due." + ".".join(case_id.split("-", 2))

    def inbox(self, agency: str, referral: str) -> str:
        """Where a referral's news for an agency goes; `referral` is a resource name."""
        _, case, _, number = referral.split("/")
        return f"in.{self.region}.{agency}.{case}.{number}"

    def is_inbox_of(self, agency: str, subject: str) -> bool:
        """Whether a subject is that of an item for an agency."""
        tokens = subject.split(".")
        start, case_and_number = tokens[:3], tokens[3:]
        return start == ["in", self.region, agency] and len(case_and_number) == 2

    @staticmethod
    def inbox_case(subject: str) -> str:
        """The id of the case that an item of an inbox is about."""
        return subject.split(".")[3]

    def inbox_of(self, agency: str) -> str:
        """All of an agency's news."""
        return f"in.{self.region}.{agency}.>"

    def presence(self, process: str) -> str:
        """Where a process of the gateway says who is connected to it; nothing stores it."""
        return f"pr.{self.region}.{process}"

    def receipt(self, agency: str) -> str:
        """Where a process of the gateway tells the others of a receipt for what they gave out; nothing stores it."""
        return f"rp.{self.region}.{agency}"

    @staticmethod
    def inbox_durable(agency: str) -> str:
        """An agency's durable consumer."""
        return f"agency_{agency}"

    @staticmethod
    def agency_of(durable: str) -> str:
        """The agency of a durable consumer."""
        return durable.removeprefix("agency_")

    @staticmethod
    def command(durable: str) -> str:
        """Where an agency that attaches over NATS says something to the gateway."""
        return f"partner.cmd.{durable}"

    @staticmethod
    def parked(durable: str, sequence: int) -> str:
        """Where a message goes that a service cannot digest."""
        return f"{DLQ_PARKED}.{durable}.{sequence}"
