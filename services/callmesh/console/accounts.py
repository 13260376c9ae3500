"""Who may sign in: a file of accounts with argon2id hashes, and the demo's own accounts.

`accounts.json` in the console's folder is a list of Account. The demo's accounts exist in memory only and are refused
in production, where people sign in at the city's identity provider (oidc.py) and the file says what they may be.
A pages list of an account narrows what its role may open: a kiosk of the board opens nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

DEMO_PASSWORD = "callmesh"
_DESK = ("desk", "cases", "agency", "board", "help")
PAGES: dict[str, tuple[str, ...]] = {
    "operator": _DESK,
    "dispatcher": _DESK,
    "partner": ("agency", "cases", "help"),
    "handler": ("agency", "help"),
    "reviewer": ("cases", "supervise", "board", "help"),
    "auditor": ("cases", "supervise", "board", "help"),
    "follow_up": ("cases", "supervise", "help"),
    "supervisor": ("supervise", "cases", "board", "help"),
    "commander": ("supervise", "desk", "cases", "board", "help"),
    "ops": ("board", "admin", "cases", "help"),
}
"""Pages by role, the first one is home. What an act may be, the services say."""
NAMED = frozenset(name for pages in PAGES.values() for name in pages)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who signs in: `person` is the staff number the mesh is told, `agency` and `role` those it acts as."""

    id: str
    name: str
    agency: str
    person: str
    role: str = "operator"
    password: str = ""
    subject: str = ""
    limited: tuple[str, ...] = ()
    name_en: str = ""

    def called(self, language: str) -> str:
        """The person's name for a page in that language."""
        return self.name_en or self.name if language == "en" else self.name

    @property
    def pages(self) -> tuple[str, ...]:
        """What this person may open, home first."""
        of_role = PAGES.get(self.role, ("cases", "help"))
        return tuple(one for one in of_role if one in self.limited) if self.limited else of_role


@dataclass(frozen=True, slots=True)
class _Seed:
    id: str
    name: str
    name_en: str
    agency: str
    role: str
    limited: tuple[str, ...] = ()


SEEDS = (
    _Seed("op110", "110接警员", "Call-taker 110", "110", "operator"),
    _Seed("op12345", "12345话务员", "Call-taker 12345", "12345", "operator"),
    _Seed("op119", "119接警员", "Call-taker 119", "119", "operator"),
    _Seed("gas", "燃气调度员", "Gas dispatcher", "gas", "partner"),
    _Seed("water", "供水调度员", "Water dispatcher", "water", "partner"),
    _Seed("locksmith", "开锁师傅", "Locksmith", "locksmith", "partner"),
    _Seed("street", "望江街道值班员", "Wangjiang duty officer", "street-wangjiang", "partner"),
    _Seed("grid", "望江网格员", "Wangjiang grid worker", "grid-wangjiang-1", "handler"),
    _Seed("duty", "督办值班长", "Duty leader", "110", "supervisor"),
    _Seed("chief", "指挥长", "Commander", "110", "commander"),
    _Seed("visit", "回访员", "Follow-up agent", "12345", "follow_up"),
    _Seed("admin", "管理员", "Administrator", "", "ops"),
    _Seed("kiosk", "大屏", "Wall screen", "", "ops", ("board",)),
)
"""Accounts of a mesh outside production: one for each kind of person."""


class Accounts:
    """Finds an account by its id or, of the identity provider, by its subject."""

    def __init__(self, folder: Path, demo: bool) -> None:
        self.path, self.demo = folder / "accounts.json", demo
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._demo = self._demo_accounts() if demo else {}
        self._nobody = self._hasher.hash("nobody")

    def all(self) -> dict[str, Account]:
        """By id; those of the file win over the demo's."""
        listed = msgspec.json.decode(self.path.read_bytes(), type=list[Account]) if self.path.exists() else []
        return self._demo | {one.id: one for one in listed}

    def get(self, id: str) -> Account | None:
        """The account of that id, or None."""
        return self.all().get(id)

    def save(self, account: Account) -> None:
        """Adds or replaces one in the file, written as a whole."""
        kept = {id: one for id, one in self.all().items() if id not in self._demo} | {account.id: account}
        draft = self.path.with_suffix(".new")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(list(kept.values()))))
        draft.chmod(0o600)
        draft.replace(self.path)

    def hash(self, password: str) -> str:
        """argon2id, 19 MiB, two passes."""
        return self._hasher.hash(password)

    def check(self, id: str, password: str) -> Account | None:
        """The account if the password is its own; takes as long when there is no such account."""
        found = self.get(id)
        try:
            self._hasher.verify(found.password if found and found.password else self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        return found

    def by_subject(self, subject: str) -> Account | None:
        """Whom the identity provider means."""
        return next((one for one in self.all().values() if subject and one.subject == subject), None)

    def _demo_accounts(self) -> dict[str, Account]:
        password = self.hash(DEMO_PASSWORD)
        return {
            one.id: Account(
                id=one.id,
                name=one.name,
                name_en=one.name_en,
                agency=one.agency,
                person=f"demo-{one.id}",
                role=one.role,
                password=password,
                limited=one.limited,
            )
            for one in SEEDS
        }
