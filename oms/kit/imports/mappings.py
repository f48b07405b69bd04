"""Saved mappings of columns to fields: for files with the same headings, and by name."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping

from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from oms.kit.imports.kinds import ImportKind
from oms.kit.imports.models import ColumnMapping


def digest_of(headings: Iterable[str]) -> str:
    """Return the digest of a set of headings; order, case and outer blanks do not count."""
    words = sorted({unicodedata.normalize("NFKC", one).casefold().strip() for one in headings} - {""})
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()


def saved_for(kind: ImportKind, headings: Iterable[str]) -> ColumnMapping | None:
    """Return the saved mapping for files with these headings."""
    return ColumnMapping.objects.filter(kind=kind.key, headings=digest_of(headings)).first()


def named(kind: ImportKind, name: str) -> ColumnMapping | None:
    """Return the saved mapping with this name."""
    return ColumnMapping.objects.filter(kind=kind.key, name__iexact=name.strip()).first()


def fault_in(kind: ImportKind, mapping: Mapping[str, str]) -> str:
    """Return what is wrong with a mapping as a sentence; "" for a mapping that can be used."""
    labels, taken = kind.labels(), dict[str, str]()
    for heading, key in mapping.items():
        if not key:
            continue
        if key not in labels:
            return _("“%s” is not a field of this kind of file.") % key
        if key in taken:
            return _("Two columns are mapped to %(field)s: “%(first)s” and “%(second)s”. Leave one out.") % {
                "field": labels[key],
                "first": taken[key],
                "second": heading,
            }
        taken[key] = heading
    found_by = kind.sheet.named_by
    return "" if found_by in taken else _("Map a column to %s: each row is found by it.") % labels[found_by]


def save(
    kind: ImportKind,
    name: str,
    mapping: Mapping[str, str],
    *,
    by: Author,
    headings_of_file: Iterable[str] = (),
) -> ColumnMapping:
    """Save a mapping for files with these headings (by default those of the mapping), in place of an older one."""
    clean, headings = name.strip()[:60], digest_of(headings_of_file or mapping)
    ColumnMapping.objects.filter(kind=kind.key, name__iexact=clean).exclude(headings=headings).delete()
    found, _made = ColumnMapping.objects.update_or_create(
        kind=kind.key,
        headings=headings,
        defaults={
            "name": clean,
            "mapping": dict(mapping),
            "author_id": by.user_id,
            "saved_at": timezone.now(),
        },
    )
    return found
