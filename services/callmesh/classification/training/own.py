"""The project's own reports (语料) as training data: for the shipped model, and for every model's emergency scorer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from callmesh.classification import corpus, model_file
from callmesh.classification.model import DEFAULT
from callmesh.classification.training.alarm import Alarm, fit_alarm
from callmesh.classification.training.cleaning import Account, Sample, tidied
from callmesh.classification.training.duplicates import group


def own_samples() -> tuple[list[Sample], Account]:
    """What the shipped router learns from: every report of the training split that has a leaf.

    Our texts name no bodies and no people, so nothing is redacted and nothing can leak; duplicates are still removed.
    """
    rows = [one for one in corpus.load() if one.split == "train" and one.category]
    texts = [tidied(one.text) for one in rows]
    found = group(texts)
    account = Account(rows=len(rows), used=len(found.kept))
    account.exact += [(again + 1, first + 1) for again, first in found.exact]
    account.near += [(again + 1, first + 1) for again, first in found.near]
    grave = grave_leaves(rows)
    return [Sample(at + 1, texts[at], leaf_of(rows[at], grave)) for at in found.kept], account


def grave_leaves(rows: Sequence[corpus.Sample]) -> frozenset[str]:
    """The leaves whose reports are mostly emergencies."""
    dangerous = Counter(one.category for one in rows if one.verdict == "emergency")
    every = Counter(one.category for one in rows)
    return frozenset(leaf for leaf, count in dangerous.items() if 2 * count > every[leaf])


def leaf_of(row: corpus.Sample, grave: frozenset[str]) -> str:
    """What the router learns of a report: an emergency in the dress of an everyday matter is the emergency.

    丢东西了，不是，是丢人了 is filed under things lost first, but who learns that from it will route the next one.
    """
    named = [leaf for leaf in row.categories if leaf in grave] if row.verdict == "emergency" else []
    return named[0] if named else row.category


def held_samples() -> list[Sample]:
    """The reports that are never learned from."""
    rows = [one for one in corpus.load() if one.split == "held" and one.category]
    return [Sample(at, tidied(one.text), one.category) for at, one in enumerate(rows, 1)]


def own_alarm() -> Alarm:
    """The emergency scorer; texts that must only be asked about teach neither side."""
    rows = [one for one in corpus.load() if one.split == "train" and one.verdict != "ask"]
    return fit_alarm([tidied(one.text) for one in rows], np.array([one.verdict == "emergency" for one in rows]))


def shipped_alarm() -> Alarm:
    """The emergency scorer of the shipped model, which every agency's model carries too. Raises ModelRefused."""
    contents = model_file.read(DEFAULT)
    arrays, header = contents.arrays, contents.header["emergency"]
    heard = np.flatnonzero(arrays["alarm_idf"])
    grams = tuple(contents.grams[at] for at in heard.tolist())
    slope, offset, bias = (float(header[name]) for name in ("slope", "offset", "bias"))
    return Alarm(grams, arrays["alarm_idf"][heard], arrays["alarm_weight"][heard], bias, slope, offset)
