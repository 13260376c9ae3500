"""What a report's words amount to before the verdict: hits sorted by how they stand, and the evidence shown."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.classification.matching import Hit, Matcher
from callmesh.classification.modifiers import Context, Standing
from callmesh.classification.text import Text, model_places
from callmesh.domain.assessment import Evidence

_MOST_EVIDENCE = 40
_MOST_GRAMS = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """Hits of the lexicon; of the triggers, which are live, lowered by a modifier, or merely imagined.

    `pinyin`: nearly all of the report is spelled out.
    """

    text: Text
    hits: list[Hit]
    live: list[Hit]
    lowered: list[Hit]
    discounted: list[Hit]
    modifiers: set[Hit]
    pinyin: bool = False


def find(matcher: Matcher, text: Text) -> Findings:
    """Search a normalised text."""
    hits = matcher.find(text)
    context = Context(text, hits)
    sorted_out: dict[Standing, list[Hit]] = {standing: [] for standing in Standing}
    for hit in hits:
        if hit.row.kind == "trigger":
            sorted_out[context.standing(hit)].append(hit)
    live, lowered = sorted_out[Standing.LIVE], sorted_out[Standing.LOWERED]
    discounted = sorted_out[Standing.DISCOUNTED]
    return Findings(text, hits, live, lowered, discounted, context.used, matcher.is_pinyin(text))


def evidence(found: Findings, grams: tuple[tuple[int, int, float], ...], model: str) -> tuple[Evidence, ...]:
    """What was met, as spans of the original text; class words show only as part of their pattern.

    `grams` are stretches of `model_text` that spoke for the learned matter, of two characters or more.
    """
    shown: dict[tuple[int, int, str], Evidence] = {}
    for hit in found.hits:
        kind = hit.row.kind
        if kind == "class" or (kind == "modifier" and hit not in found.modifiers) or len(shown) >= _MOST_EVIDENCE:
            continue
        start, end = found.text.span(hit.start, hit.end)
        rule = f"{kind}/{hit.row.target or '-'}/{hit.word}"
        shown.setdefault((start, end, kind + hit.row.target), Evidence(start, end, rule, kind))
    places = model_places(found.text) if grams else ()
    for begin, stop, _ in grams[:_MOST_GRAMS]:
        if stop - begin > 1:
            start, end = found.text.span(places[begin], places[stop])
            shown[start, end, "gram"] = Evidence(start, end, f"gram/{model}", "gram")
    return tuple(shown.values())
