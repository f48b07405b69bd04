"""List many products on one store (R-CAT-08): a job with one outcome for each product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import get_language, gettext, ngettext, override

from catalogue.errors import CatalogueError
from catalogue.models import Listing, Product
from catalogue.services.listing import attributes as listing_attributes
from catalogue.services.listing.attributes import ListingAttribute, attributes_of, prefilled
from catalogue.services.listing.drafts import ListingForm, draft_of_product, publish, save_draft
from channels.models import Connection
from oms.kit.background import jobs
from oms.kit.models import Job

JOB = "catalogue.list_products"
AT_ONCE = 25
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Products that are listed in the same categories; `attributes` are for products that have no value of their own."""

    products: Sequence[int]
    category_external_ids: Sequence[str]
    attributes: Mapping[str, str] = field(default_factory=dict)


def start(connection: Connection, groups: Sequence[Group], *, publishes: bool, author: Any) -> Job:
    """Start the job; the attributes of each group are remembered for its category.

    `publishes`: each listing without problems is sent; otherwise all are saved as drafts.
    """
    for group in groups:
        category = next(iter(group.category_external_ids), "")
        listing_attributes.remember(connection, category, group.attributes, None)
    total = sum(len(group.products) for group in groups)
    title = ngettext("List %(n)d product on %(store)s", "List %(n)d products on %(store)s", total)
    return jobs.start(
        kind=JOB,
        title=title % {"n": total, "store": connection.name},
        subject_kind="connection",
        subject_id=connection.pk,
        params={
            "groups": [
                [list(group.products), list(group.category_external_ids), dict(group.attributes)]
                for group in groups
            ],
            "publish": publishes,
            "language": get_language() or "",
        },
        total=total,
        author=author,
    )


def work(job: Job) -> bool:
    """List the next products; return whether more are left. A product that this job has listed already counts as done."""
    connection = Connection.objects.filter(pk=job.subject_id or 0).first()
    if connection is None:
        raise jobs.JobFailed(gettext("This store no longer exists."))
    author = job.author
    if author is None or not author.is_active or not author.has_perm("catalogue.change_listing"):
        raise jobs.JobFailed(gettext("Your role does not allow this."))
    every = [(pk, categories, values) for ids, categories, values in job.params["groups"] for pk in ids]
    part = every[job.done : job.done + AT_ONCE]
    stored: list[list[Any]] = job.result.setdefault("rows", [])
    del stored[job.done :]  # rows of this slice that a killed worker had stored
    rows = Product.objects.select_related("brand").in_bulk([pk for pk, _ids, _values in part])
    with override(job.params["language"] or None):
        known: dict[str, list[ListingAttribute]] = {}
        for pk, categories, values in part:
            product = rows.get(pk)
            if product is None:
                stored.append([pk, False, gettext("This row no longer exists."), ""])
                continue
            refusal = _list(job, connection, product, categories, values, known)
            stored.append([pk, not refusal, refusal, product.title])
        refused = [row for row in stored if not row[1]]
        job.result["outcomes"] = [f"{label or pk}: {message}" for pk, _ok, message, label in refused[:SHOWN]]
        done = len(stored) - len(refused)
        words = (
            ngettext("%d product is being listed.", "%d products are being listed.", done)
            if job.params["publish"]
            else ngettext("%d draft was saved.", "%d drafts were saved.", done)
        )
        jobs.report_or_stop(job, done=job.done + len(part), refused=len(refused), result=job.result)
        job.message = words % done
    return job.done < len(every)


def _list(
    job: Job,
    connection: Connection,
    product: Product,
    categories: Sequence[str],
    values: Mapping[str, str],
    known: dict[str, list[ListingAttribute]],
) -> str:
    """Save and publish one listing; return why that was refused, or ""."""
    category = next(iter(categories), "")
    if category not in known:
        known[category] = attributes_of(connection, categories)
    chosen = {**values, **prefilled(product, connection, categories, known[category])}
    try:
        listing = save_draft(product, connection, ListingForm(categories, attributes=chosen), remembers=False)
        if job.params["publish"]:
            publish(listing)
    except CatalogueError as error:
        listed = draft_of_product(product, connection)
        if listed is not None and listed.created_at >= job.created_at and listed.state != Listing.State.DRAFT:
            return ""  # by this job, before its worker was killed
        return str(error)
    return ""
