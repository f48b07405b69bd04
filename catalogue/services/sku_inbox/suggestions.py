"""Suggest which of Manifold's SKUs a row of the SKU inbox means, each with the reason. Nothing is accepted by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from rapidfuzz import fuzz

from catalogue.models import ListingVariant, Variant
from catalogue.services.sku_inbox.rows import DUPLICATE, EMPTY, Row
from oms.kit.search.query import holding_any
from oms.kit.search.text import compact, fold

#: Suggestions of one row.
MOST = 3
#: SKUs that are compared for one page of rows.
CANDIDATES = 500
#: Titles are alike from this many percent of equal words on, SKUs from this many percent of equal characters on.
LIKE_TITLE, LIKE_SKU = 75, 85


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A variant that a row may mean, and why."""

    variant: Variant
    why: str


class _Candidate(NamedTuple):
    """What is compared of a variant, folded once: a page compares 50 rows with 500 variants."""

    pk: int
    barcode: str
    options: dict[str, str]
    sku: str
    title: str
    title_and_options: str

    @classmethod
    def of(cls, pk: int, sku: str, barcode: str, title: str, options: dict[str, str]) -> _Candidate:
        both = fold(f"{title} {' '.join(options.values())}")
        return cls(pk, barcode, options, compact(sku), fold(title), both)


def suggest(rows: Sequence[Row]) -> dict[str, list[Suggestion]]:
    """Return at most three suggestions for each row, by row name, the best first. Four statements at most.

    In this order: what the source of the row knows; the same barcode (or a SKU that is the barcode); the same SKU but for
    case, spaces and signs; the same title; a title or SKU that is nearly the same. A SKU that the store lists already is
    no suggestion for a product that waits for its import, and what is to be merged is only what the source found.
    """
    open_rows = [row for row in rows if not row.is_merge]
    candidates = _candidates(open_rows)
    listed = _listed(rows, candidates)
    ranked: dict[str, list[tuple[int, Any]]] = {}
    for row in rows:
        taken = listed.get(row.connection_id, set()) if row.kind in {DUPLICATE, EMPTY} else set()
        sku, title = compact(row.sku), fold(row.title)
        scored = [
            (score, one.pk, why)
            for one in candidates
            if one.pk not in taken and not row.is_merge
            for score, why in [_compare(row, sku, title, one)]
            if score
        ]
        scored.sort(key=lambda each: (-each[0], each[1]))
        best = dict(row.possible)
        for _score, pk, why in scored:
            best.setdefault(pk, why)
        ranked[row.name] = list(best.items())[:MOST]
    wanted = {pk for found in ranked.values() for pk, _why in found}
    variants = Variant.objects.current().select_related("product").in_bulk(wanted) if wanted else {}
    return {
        name: [Suggestion(variants[pk], str(why)) for pk, why in found if pk in variants]
        for name, found in ranked.items()
    }


def _words(row: Row) -> list[str]:
    """Return the words of a title by which others are found: the longest ones."""
    words = {word for word in fold(row.title).split() if len(compact(word)) >= 3}
    return sorted(words, key=lambda word: (-len(word), word))[:3]


def _groups(row: Row) -> list[tuple[str, ...]]:
    """Return the parts of a search text that a variant for this row may have: its SKU, barcode, or two words of its title."""
    groups: list[tuple[str, ...]] = [(part,) for part in {compact(row.sku), compact(row.barcode)} if part]
    words = _words(row)
    if len(words) < 3:
        return [*groups, tuple(words)] if words else groups
    one, two, three = words
    return [*groups, (one, two), (one, three), (two, three)]


def _candidates(rows: Sequence[Row]) -> list[_Candidate]:
    """Return the variants that may be meant by one of the rows: one statement by the index of the search."""
    groups = {group for row in rows for group in _groups(row)}
    found = holding_any(Variant.objects.current(), groups).order_by()
    columns = found.values_list("pk", "sku", "barcode", "product__title", "options")
    return [_Candidate.of(*values) for values in columns[:CANDIDATES]]


def _listed(rows: Sequence[Row], candidates: Sequence[_Candidate]) -> dict[int, set[int]]:
    """Return which candidates the stores of products that wait for their import list already."""
    stores = {row.connection_id for row in rows if row.kind in {DUPLICATE, EMPTY}}
    found: dict[int, set[int]] = {}
    if stores and candidates:
        listed = ListingVariant.objects.filter(
            connection__in=stores, variant__in=[one.pk for one in candidates]
        ).order_by()
        for store, variant in listed.values_list("connection", "variant"):
            found.setdefault(store, set()).add(variant)
    return found


def _compare(row: Row, sku: str, title: str, one: _Candidate) -> tuple[int, str]:
    """Return how well a variant fits a row (0: not at all, 500: best), and why. `sku`, `title`: those of the row, folded."""
    if one.barcode and one.barcode in {row.barcode, row.sku.strip()}:
        return 500, _("same barcode")
    if sku and sku == one.sku:
        return 400, _("same but for case, spaces and signs")
    if title and title == one.title and (not row.options or dict(row.options) == one.options):
        return 300, _("same title")
    # What stays below the cutoff is 0, and costs a fraction.
    alike = fuzz.token_sort_ratio(title, one.title_and_options, score_cutoff=LIKE_TITLE - 0.5)
    plain = fuzz.token_sort_ratio(title, one.title, score_cutoff=LIKE_TITLE - 0.5) if one.options else alike
    percent = min(round(max(alike, plain)), 99)
    near = 0
    if min(len(sku), len(one.sku)) >= 5:
        near = round(fuzz.ratio(sku, one.sku, score_cutoff=LIKE_SKU - 0.5))
    if percent >= LIKE_TITLE and percent >= near:
        return percent, _("title %d %%") % percent
    if near >= LIKE_SKU:
        return near, _("SKU %d %%") % near
    return 0, ""
