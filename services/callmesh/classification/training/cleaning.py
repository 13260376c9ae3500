"""From rows as an agency has them to samples that can be learned from, and an account of what was done.

Order matters: numbers and names go first (so that duplicates that differ by a telephone number are found), then leaks,
then texts become what the model will read, then duplicates. Every row that is not used is in the account with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from callmesh.classification.text import model_text, normalise
from callmesh.classification.training import duplicates
from callmesh.classification.training.leaks import LeakRemover, Leaks
from callmesh.classification.training.reading import Flaw, Row
from callmesh.classification.training.redaction import redact


@dataclass(frozen=True, slots=True)
class Sample:
    """A row that is learned from; `text` is as the model reads it."""

    line: int
    text: str
    label: str
    agency: str = ""


@dataclass(slots=True)
class Account:
    """What cleaning did, by kind, with line numbers; holds no text of a row."""

    rows: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    redacted: dict[str, list[int]] = field(default_factory=dict)
    leaks: Leaks = field(default_factory=Leaks)
    exact: list[tuple[int, int]] = field(default_factory=list)
    near: list[tuple[int, int]] = field(default_factory=list)
    contradicting: list[tuple[int, int]] = field(default_factory=list)
    label_words: dict[str, tuple[int, int]] = field(default_factory=dict)
    used: int = 0


def clean(
    rows: Sequence[Row], labels: Iterable[str], *, every_label_word: bool = False, deduplicate: bool = True
) -> tuple[list[Sample], Account]:
    """Samples and account. `labels` are all names that would give the answer away: labels and agencies."""
    account = Account(rows=len(rows))
    names = sorted(set(labels))
    tidy = _tidier(LeakRemover(names, every_label_word), account)
    samples = []
    for row in rows:
        text = tidy(row)
        if text:
            samples.append(Sample(row.line, text, row.label, row.agency))
        else:
            account.flaws.append(Flaw(row.line, "nothing is left after redaction and leak removal"))
    account.label_words = _giveaways(samples, names)
    if deduplicate:
        samples = _distinct(samples, account)
    account.used = len(samples)
    return samples, account


def tidied(text: str) -> str:
    """One text, redacted and normalised, without counting: for texts that have no label."""
    return model_text(normalise(redact(text)[0]))


def _tidier(leaks: LeakRemover, account: Account) -> Callable[[Row], str]:
    def tidy(row: Row) -> str:
        text, counts = redact(row.text)
        for kind in counts:
            account.redacted.setdefault(kind, []).append(row.line)
        return model_text(normalise(leaks.clean(text, row.line, account.leaks)))

    return tidy


def _distinct(samples: list[Sample], account: Account) -> list[Sample]:
    found = duplicates.group([one.text for one in samples])
    for pairs, told in ((found.exact, account.exact), (found.near, account.near)):
        told += [(samples[again].line, samples[first].line) for again, first in pairs]
        account.contradicting += [
            (samples[again].line, samples[first].line)
            for again, first in pairs
            if samples[again].label != samples[first].label
        ]
    return [samples[at] for at in found.kept]


def _giveaways(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Label words that are left in texts: (texts that hold it, those of them with this label)."""
    told = {}
    for name in names:
        folded = normalise(name).tight
        holding = [one for one in samples if len(folded) > 1 and folded in one.text]
        if holding:
            told[name] = (len(holding), sum(name in (one.label, one.agency) for one in holding))
    return told
