"""The desk's command line, read: a verb, perhaps a short case number, perhaps words.

转 燃气        offer the draft to an agency, by name, id or key       to gas
签 0123        accept the referral of case ...0123                   ok 0123
退 0123 原因    return it: not ours                                   back 0123 why
结 0123 结果    resolve it                                            done 0123 result
催 0123        remind who has it                                     remind 0123
准 0123 / 驳 0123 原因   grant or deny a return                        grant / deny 0123
派 0123 燃气    offer a case that waits; without an agency by the catalogue  send 0123 gas
撤 0123 原因    take it back                                          recall 0123 why
答 0123 内容    answer on the spot                                    tell 0123 reply
补 0123 内容    add words to the report                               add 0123 words
并 0123 4567   fold it into another case                             fold 0123 4567
拒 0123 骚扰    do not take it up, on a ground of the city's, and why   reject 0123 abuse why
销 0123 原因    cancel it                                             cancel 0123 why
访 0123 5      follow-up: reached, solved, satisfied 1 to 5           ask 0123 5
未 0123        follow-up: nobody answered                            missed 0123
归 0123        close                                                 close 0123
重 0123 原因    open a new round                                      redo 0123 why
看 0123        open its page                                         see 0123
会 0123        three-way call with who has it                        join 0123
离 0123        leave the call to caller and partner                  leave 0123
挂 0123        hang up                                               hang 0123
回 0123        the caller was called back                            called 0123
"""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.directory import City

VERBS = {
    "转": "transfer",
    "to": "transfer",
    "签": "accept",
    "ok": "accept",
    "退": "return",
    "back": "return",
    "结": "resolve",
    "done": "resolve",
    "催": "remind",
    "remind": "remind",
    "准": "grant",
    "grant": "grant",
    "驳": "deny",
    "deny": "deny",
    "派": "offer",
    "send": "offer",
    "撤": "recall",
    "recall": "recall",
    "答": "answer",
    "tell": "answer",
    "补": "amend",
    "add": "amend",
    "并": "merge",
    "fold": "merge",
    "拒": "reject",
    "reject": "reject",
    "销": "cancel",
    "cancel": "cancel",
    "未": "not_reached",
    "missed": "not_reached",
    "重": "reopen",
    "redo": "reopen",
    "访": "follow_up",
    "ask": "follow_up",
    "归": "close",
    "close": "close",
    "看": "see",
    "see": "see",
    "会": "conference",
    "join": "conference",
    "离": "leave_call",
    "leave": "leave_call",
    "挂": "hang_up",
    "hang": "hang_up",
    "回": "called_back",
    "called": "called_back",
}
SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Command:
    """A line that was understood; `case` is the end of a case's number, or the agency of a transfer."""

    verb: str
    case: str
    words: str = ""


class NotUnderstood(Exception):
    """The line says nothing; its text says why, in English (i18n.py)."""


def parse(line: str) -> Command:
    """Raises NotUnderstood."""
    first, _, rest = line.strip().partition(" ")
    if first[:1] in VERBS and first not in VERBS:  # 转燃气, without a space
        first, rest = first[:1], f"{first[1:]} {rest}"
    verb = VERBS.get(first.lower())
    if verb is None:
        raise NotUnderstood("This command is not known; press ? for the list.")
    object, _, words = rest.strip().partition(" ")
    if not object:
        raise NotUnderstood("Say which: the last digits of the case, or the agency.")
    return Command(verb, object, words.strip())


def agency_meant(city: City, said: str) -> str:
    """The id of the agency that a person means: an id, a number, or a part of exactly one name."""
    if said in city.agency:
        return said
    front = [one for one in city.agencies if said.lower() in (one.name + one.name_en).lower()]
    entries = [one for one in front if one.entry] or [one for one in front if not one.parent] or front
    if not front:
        raise NotUnderstood("No agency has that name.")
    if len(entries) > 1:
        raise NotUnderstood("Several agencies have that name; say more of it.")
    return entries[0].id


def ground_meant(city: City, said: str) -> str:
    """The code of the ground that a person means: a code, or a part of exactly one name."""
    fitting = [one.code for one in city.grounds if said.lower() in one.zh + one.en.lower()]
    found = [said] if said in {one.code for one in city.grounds} else fitting
    if len(found) != 1:
        raise NotUnderstood("Say on which ground of the list, after the number; the case's page has them all.")
    return found[0]


def case_meant(names: list[str], said: str) -> str:
    """The one case whose number ends so."""
    if len(said) < SHORTEST:
        raise NotUnderstood("Say at least the last three signs of the number.")
    found = [one for one in names if one.lower().endswith(said.lower())]
    if not found:
        raise NotUnderstood("None of your open cases ends so.")
    if len(found) > 1:
        raise NotUnderstood("Several cases end so; say more of the number.")
    return found[0]
