"""Manifold's own categories: the tree, and the categories of each store in which their products are listed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Category, CategoryMapping, Product, ProductCategory
from catalogue.models.category import ARROW, path_key
from channels.models import Connection
from oms.kit.authors import audit

MOST_FOUND = 20
_ID = re.compile(r"\[([^\[\]]+)\]\s*$")


# ---------------------------------------------------------------- categories of a store


def search(connection: Connection, words: str, most: int = MOST_FOUND) -> QuerySet[Category]:
    """Return the categories of a store whose path has all of these words, at most `most`; hidden ones are left out."""
    rows = Category.objects.filter(connection=connection, is_active=True)
    for word in words.split():
        rows = rows.filter(Q(path__icontains=word) | Q(external_id=word))
    return rows.order_by("path")[:most]


def text_of(category: Category) -> str:
    """Return a category as a person may enter it: its path and its channel ID."""
    return f"{category.path or category.name} [{category.external_id}]"


def find(connection: Connection, text: str) -> Category:
    """Return the category that a person entered: its path, its ID, or words that only one category has.

    Raise `CatalogueError` for none or several.
    """
    wanted = text.strip()
    rows = Category.objects.filter(connection=connection)
    named = _ID.search(wanted)
    exact = rows.filter(external_id=named.group(1) if named else wanted).first()
    if exact is not None:
        return exact
    by_path = list(rows.filter(path__iexact=wanted)[:2])
    found = by_path or list(search(connection, wanted, 6))
    if len(found) == 1:
        return found[0]
    if not found:
        raise CatalogueError(
            _("%(store)s has no category “%(text)s”. Enter words of its name, and choose one of the list.")
            % {"store": connection.name, "text": wanted}
        )
    raise CatalogueError(
        _("Several categories match “%(text)s”: %(found)s. Choose one.")
        % {"text": wanted, "found": "; ".join(text_of(each) for each in found[:5])}
    )


def find_all(connection: Connection, text: str) -> list[str]:
    """Return the channel IDs of the categories in these lines; empty lines are ignored. Raise `CatalogueError` as `find`."""
    lines = [line for line in text.splitlines() if line.strip()]
    return list(dict.fromkeys(find(connection, line).external_id for line in lines))


def texts_of(connection: Connection, external_ids: Sequence[str]) -> list[str]:
    """Return these categories as a person may enter them; one that was not imported by its ID alone."""
    rows = Category.objects.filter(connection=connection, external_id__in=list(external_ids))
    by_id = {row.external_id: text_of(row) for row in rows}
    return [by_id.get(external_id, external_id) for external_id in external_ids]


# ---------------------------------------------------------------- Manifold's own


@transaction.atomic
def category_at(path: str) -> ProductCategory:
    """Return the category with this path ("Home > Kitchen"); it and missing parents are created.

    Raise `CatalogueError` for an empty name or a name longer than 120 characters.
    """
    parent: ProductCategory | None = None
    for name in path.split(ARROW.strip()):
        parent = _child(parent, name.strip())
    assert parent is not None  # a text has at least one part
    return parent


def _child(parent: ProductCategory | None, name: str) -> ProductCategory:
    _check_name(name)
    whole = f"{parent.path}{ARROW}{name}" if parent else name
    row = ProductCategory.objects.filter(key=path_key(whole)).first()
    if row is None:
        row = ProductCategory(name=name, parent=parent)
        row.save()
        audit.record("added", row)
    return row


def _check_name(name: str) -> None:
    if not name or len(name) > 120 or ARROW.strip() in name:
        raise CatalogueError(_("Enter a name of 1 to 120 characters, without “>”."))


@transaction.atomic
def rename(category: ProductCategory, name: str) -> ProductCategory:
    """Rename a category; the paths of all categories below it change too. Raise `CatalogueError` for a name that is taken."""
    row = ProductCategory.objects.select_for_update(of=("self",)).select_related("parent").get(pk=category.pk)
    _check_name(name.strip())
    old, before = row.path, audit.snapshot(row, ["name"])
    whole = f"{row.parent.path}{ARROW}{name.strip()}" if row.parent else name.strip()
    if ProductCategory.objects.filter(key=path_key(whole)).exclude(pk=row.pk).exists():
        raise CatalogueError(_("There is a category “%s” already.") % whole)
    row.name = name.strip()
    row.save()
    below = list(ProductCategory.objects.filter(path__startswith=f"{old}{ARROW}"))
    for each in below:
        each.path = row.path + each.path.removeprefix(old)
        each.key = path_key(each.path)
    ProductCategory.objects.bulk_update(below, ["path", "key"])
    if changes := audit.difference(before, audit.snapshot(row, ["name"])):
        audit.record("changed", row, changes)
    return row


@transaction.atomic
def delete(category: ProductCategory) -> None:
    """Delete a category without products and children, with its mappings. Raise `CatalogueError` with what it still has."""
    row = ProductCategory.objects.select_for_update(of=("self",)).get(pk=category.pk)
    if row.children.exists():
        raise CatalogueError(_("“%s” has categories below it. Delete them first.") % row)
    if Product.objects.filter(category=row).exists():
        raise CatalogueError(_("“%s” has products. Choose another category for them first.") % row)
    audit.record("deleted", row)
    row.delete()


@transaction.atomic
def set_mapping(
    category: ProductCategory, connection: Connection, category_external_ids: Sequence[str]
) -> None:
    """Map a category to categories of a store; with none it has its parent's again."""
    wanted = [str(each) for each in category_external_ids]
    row = CategoryMapping.objects.filter(category=category, connection=connection).first()
    before = list(row.category_external_ids) if row is not None else []
    if before == wanted:
        return
    if wanted:
        CategoryMapping.objects.update_or_create(
            category=category, connection=connection, defaults={"category_external_ids": wanted}
        )
    else:
        CategoryMapping.objects.filter(category=category, connection=connection).delete()
    shown = {connection.name: (", ".join(before) or None, ", ".join(wanted) or None)}
    audit.record("category.mapped", category, shown)


class Mappings:
    """The mappings of all categories to one store, read once in two statements: a child has its parent's."""

    def __init__(self, connection: Connection) -> None:
        rows = CategoryMapping.objects.filter(connection=connection)
        self._own = dict(rows.values_list("category_id", "category_external_ids"))
        self._parents = dict(ProductCategory.objects.values_list("pk", "parent_id"))

    def of(self, category_id: int | None) -> tuple[list[str], int | None]:
        """Return the channel IDs for a category, and the category that has them: itself, or the nearest parent."""
        at, seen = category_id, set[int]()
        while at is not None and at not in seen:
            seen.add(at)
            if at in self._own:
                return list(self._own[at]), at
            at = self._parents.get(at)
        return [], None


@transaction.atomic
def set_category(products: Sequence[Product], category: ProductCategory | None) -> int:
    """Set the category of these products; return how many changed. Listings that exist do not change."""
    changed = [row for row in products if row.category_id != (category.pk if category else None)]
    name = str(category) if category else None
    audit.record_many("product.category", [(row, {"category": (None, name)}) for row in changed])
    Product.objects.filter(pk__in=[row.pk for row in changed]).update(category=category)
    for row in changed:
        row.category = category
    return len(changed)
