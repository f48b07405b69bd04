"""Sources of the SKU inbox: SKUs that orders wait for, unknown ones and those of which several products may be meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.urls import reverse
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import SkuAlias, SkuDecision, Variant, sku_key
from catalogue.services import sku_mapping as catalogue
from catalogue.services.sku_inbox import rows
from catalogue.services.sku_inbox.rows import Accepted, Row
from catalogue.sku_resolution import LineKey, resolve_variants
from channels.models import Connection
from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.domain.moves import BEFORE_PACKING
from orders.models import OrderLine
from orders.services.stock.sku_mapping import map_lines, unmap_lines

#: Orders in these statuses wait for their SKUs.
WAITING = ("new", "partial", "draft", "unpaid")
#: Lines that are mapped in the request; a worker maps the others (`backorders.map_waiting`).
MAPPED_AT_ONCE = 200
#: Lines that are unmapped when a mapping is undone; more are a sign that it has become a part of the business.
UNMAPPED = 1_000


class OrderLines:
    """The SKUs in the lines of waiting orders, by store and SKU, that have this problem."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @property
    def kind(self) -> str:
        return self._kind

    def rows(self, *, store: int | None, text: str, start: int, limit: int) -> list[Row]:
        """Return the SKUs that block most orders first. One statement, and at most three for each store.

        A SKU that was mapped a moment ago is left out, although a worker may still be changing its orders.
        """
        lines = self._lines()
        if store is not None:
            lines = lines.filter(order__connection=store)
        if text:
            lines = lines.filter(Q(sku__icontains=text) | Q(title__icontains=text))
        return self._gathered(lines, start, limit)

    def count(self, *, store: int | None, text: str) -> int:
        return len(self.rows(store=store, text=text, start=0, limit=rows.COUNTED))

    def _lines(self) -> QuerySet[OrderLine]:
        lines = OrderLine.objects.filter(variant=None, order__status__in=WAITING, order__problems_open__gt=0)
        if self._kind == rows.AMBIGUOUS:
            lines = lines.filter(_has_problem(rows.AMBIGUOUS))
        else:
            lines = lines.exclude(_has_problem(rows.AMBIGUOUS))
        lines = lines.annotate(row_key=_key_of(self._kind))
        return lines.exclude(rows.is_dismissed(self._kind, connection="order__connection", key="row_key"))

    def find(self, ref: int) -> Row | None:
        """Return the SKU of this line with all orders of its store that wait for it; None when the line is mapped."""
        line = self._lines().filter(pk=ref).select_related("order").first()
        if line is None:
            return None
        found = self._gathered(self._same(line.order.connection_id, line), 0, 1)
        return found[0] if found else None

    def _same(self, store: int, line: OrderLine) -> QuerySet[OrderLine]:
        same = self._lines().filter(sku=line.sku, order__connection=store)
        if self._kind == rows.AMBIGUOUS:
            same = same.filter(variant_external_id=line.variant_external_id)
        return same

    def _gathered(self, lines: QuerySet[OrderLine], start: int, limit: int) -> list[Row]:
        by = ["order__connection", "sku", "row_key"]
        found = list(
            lines.values(*by)
            .annotate(
                orders=Count("order", distinct=True),
                newest_title=Max("title"),
                newest=Max("order"),
                line=Max("id"),
                since=Min("order__placed_at"),
                options=Max("variant_external_id"),
            )
            .order_by("-orders", "sku", "row_key")[start : start + limit]
        )
        if not found:
            return []
        is_unsure = self._kind == rows.AMBIGUOUS
        known = set() if is_unsure else _known_by_now(found)
        possible = _possible([row["line"] for row in found]) if is_unsure else {}
        return [
            Row(
                kind=self._kind,
                ref=row["line"],
                key=row["row_key"],
                connection_id=row["order__connection"],
                sku=row["sku"],
                title=row["newest_title"],
                message=_("The SKU and the product ID of the order do not mean one product.")
                if is_unsure
                else "",
                external_id=row["options"],
                since=row["since"],
                orders=row["orders"],
                orders_url=_orders_url(row["sku"]),
                order_url=reverse("admin:orders_order_change", args=[row["newest"]]) + "#problems",
                possible=[(pk, _("fits the order")) for pk in possible.get(row["line"], ())],
            )
            for row in found
            if (row["order__connection"], row["sku"]) not in known
        ]

    def accept(self, row: Row, variant: Variant, by: Author) -> Accepted:
        """Map the SKU for the store, or only these lines when several products fit; the waiting orders go on at once."""
        line = OrderLine.objects.filter(pk=row.ref, variant=None).first()
        if line is None:
            raise CatalogueError(_("This row is already resolved."))
        waiting = self._same(row.connection_id, line).order_by("pk")
        ids = list(waiting.values_list("pk", flat=True)[:MAPPED_AT_ONCE])
        is_unsure = self._kind == rows.AMBIGUOUS
        if not is_unsure:
            if not row.sku.strip():
                raise CatalogueError(_("This order line has no SKU. Choose its product on the order."))
            if sku_key(row.sku) != variant.sku_key:
                store = Connection.objects.get(pk=row.connection_id)
                catalogue.map_sku(connection=store, sku=row.sku, variant=variant, by=by)
        outcomes = map_lines(dict.fromkeys(ids, variant.pk), by=by)
        action = SkuDecision.Action.CHOSEN if is_unsure else SkuDecision.Action.MAPPED
        orders = row.orders if len(ids) == MAPPED_AT_ONCE else sum(one.ok for one in outcomes)
        return Accepted(action, variant, ids, orders)

    def undo(self, decision: SkuDecision, by: Author) -> None:
        """Unmap the SKU: orders that are not packed wait for it again."""
        store, variant = decision.connection, decision.variant
        if variant is None:
            raise CatalogueError(_("The product does not exist any more."))
        lines = OrderLine.objects.filter(variant=variant, order__status__in=BEFORE_PACKING)
        if decision.action == SkuDecision.Action.CHOSEN:
            lines = lines.filter(pk__in=decision.lines)
        else:
            lines = lines.filter(order__connection=store, sku=decision.sku)
            alias = SkuAlias.objects.filter(connection=store, sku_key=sku_key(decision.sku)).first()
            if alias is not None and alias.variant_id != variant.pk:
                raise CatalogueError(_("“%s” was mapped again since.") % decision.sku)
            catalogue.unmap_sku(store, decision.sku, by=by)
        ids = list(lines.order_by("pk").values_list("pk", flat=True)[: UNMAPPED + 1])
        if len(ids) > UNMAPPED:
            raise CatalogueError(
                _("More than %d order lines have this SKU since. Change the mapping instead.") % UNMAPPED
            )
        unmap_lines(ids, by=by)


def _key_of(kind: str) -> F | Concat:
    """Return what names a row within its store: the SKU as the channel sent it, with the product's id where that counts."""
    if kind == rows.AMBIGUOUS:
        return Concat("sku", Value(" · "), "variant_external_id")
    return F("sku")


def _has_problem(code: str) -> Exists:
    return Exists(
        Problem.objects.open().filter(
            code=code,
            subject_kind=problem_codes.SUBJECT,
            subject_id=OuterRef("order_id"),
            key=OuterRef("external_id"),
        )
    )


def _orders_url(sku: str) -> str:
    return f"{reverse('admin:orders_order_changelist')}?{urlencode({'tab': 'problem', 'sku': sku})}"


def _known_by_now(found: Sequence[dict[str, object]]) -> set[tuple[object, object]]:
    """Return the (store, SKU) pairs that have a variant by now."""
    by_store: dict[int, set[LineKey]] = defaultdict(set)
    for row in found:
        by_store[int(str(row["order__connection"]))].add(LineKey("", str(row["sku"])))
    return {
        (store, key.sku)
        for store, keys in by_store.items()
        for key in resolve_variants(Connection(pk=store), keys)
    }


def _possible(line_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the variants that each of these lines may mean, as its problem names them. Two statements."""
    lines = {
        (line.order_id, line.external_id): line.pk
        for line in OrderLine.objects.filter(pk__in=line_ids).only("order", "external_id")
    }
    open_rows = Problem.objects.open().filter(
        code=rows.AMBIGUOUS, subject_kind=problem_codes.SUBJECT, subject_id__in={pk for pk, _key in lines}
    )
    found: dict[int, list[int]] = {}
    for subject, key, data in open_rows.values_list("subject_id", "key", "data"):
        if (subject, key) in lines:
            found[lines[subject, key]] = [int(pk) for pk in data.get("possible") or ()]
    return found


rows.register(OrderLines(rows.UNKNOWN))
rows.register(OrderLines(rows.AMBIGUOUS))
