"""The lexicon compiled for searching: its words by the way they are met, its patterns, its sounds.

Made from a checked Lexicon, or read back from a file that an earlier process made (compiled_file.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from callmesh.classification.entries import Packed, packed
from callmesh.classification.lexicon import Lexicon, Pattern, Term
from callmesh.classification.sounds import Sounds
from callmesh.classification.text import fold_words

_Spelling = tuple[str, str, int]
"""What is met, the word behind it, its term."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A lexicon to search with. Its terms have lost their words: those are in `words`, in three alphabets.

    As written they have an ideograph, as Latin words letters and spaces, as heard the private characters of `sounds`.
    So what is met in one way is never met in another, and all are looked for together.
    """

    version: str
    terms: tuple[Term, ...]
    patterns: tuple[Pattern, ...]
    symbols: dict[str, int]
    words: Packed
    sounds: Sounds


def compiled(lexicon: Lexicon) -> Compiled:
    """Write out, fold and spell every word; a second or two for the packaged tables."""
    return Compiled(
        version=lexicon.version,
        terms=tuple(replace(term, words=()) for term in lexicon.terms),
        patterns=lexicon.patterns,
        symbols={word[0]: at for word, at in _words(lexicon) if not any(map(str.isalnum, word))},
        words=_packed(lexicon),
        sounds=lexicon.sounds,
    )


def _packed(lexicon: Lexicon) -> Packed:
    """Of one word met in one way several rows may speak; of the same rule the weightier stays."""
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for met, word, at in chain(_written(lexicon), _latin(lexicon), _heard(lexicon)):
        same, term = found.setdefault(met, {}), lexicon.terms[at]
        rule = (term.kind, term.target, word)
        if rule not in same or term.weight > lexicon.terms[same[rule]].weight:
            same[rule] = at
    rows = {met: [(rule[2], at) for rule, at in same.items()] for met, same in found.items()}
    return packed(rows, lexicon.terms)


def _words(lexicon: Lexicon) -> Iterator[tuple[str, int]]:
    for at, term in enumerate(lexicon.terms):
        for word in term.words:
            yield word, at


def _written(lexicon: Lexicon) -> Iterator[_Spelling]:
    """Words with an ideograph."""
    for word, at in _words(lexicon):
        if not word.isascii():
            yield word, word, at


def _latin(lexicon: Lexicon) -> Iterator[_Spelling]:
    """English words and phrases, met only as whole words."""
    for word, at in _words(lexicon):
        if word.isascii():
            line = f" {fold_words(word)} "
            yield line, line[1:-1], at


def _heard(lexicon: Lexicon) -> Iterator[_Spelling]:
    """What may be misspelled by ear: the gravest short words (`alike`), and longer words of danger."""
    for word, at in _words(lexicon):
        term = lexicon.terms[at]
        chosen = "alike" in term.flags or (term.kind in ("trigger", "class") and len(word) in (3, 4))
        if not chosen or "exact" in term.flags or not 2 <= len(word) <= 6:
            continue
        for code in lexicon.sounds.spell(word):
            yield code, word, at
