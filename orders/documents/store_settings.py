"""What a store prints on its documents: saved with a log entry; the logo is made small; prefixes belong to one seller."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from channels.models import Connection
from oms.kit.authors import audit
from orders.choices import VatScheme
from orders.errors import OrderError
from orders.models import DocumentSettings

#: Fields that a person sets; the logo is set apart.
FIELDS = (
    "seller_name",
    "seller_address",
    "country",
    "contact",
    "return_address",
    "company_number",
    "legal",
    "vat_scheme",
    "vat_number",
    "vat_rate",
    "sterling_rate",
    "invoice_prefix",
    "credit_prefix",
    "terms",
    "language",
    "label_size",
    "page_size",
    "colour",
    "slip_prices",
    "thanks",
)
#: Bytes of an uploaded logo, pixels of one, and the size of what is stored.
LARGEST_FILE, MOST_PIXELS, LOGO = 5_000_000, 40_000_000, (900, 300)


class SettingsError(OrderError):
    """A setting cannot be saved; `field` is where the person sees the sentence."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def small_logo(content: bytes) -> bytes:
    """Return a logo as a PNG of at most 900 × 300 pixels. Raises `SettingsError` for what is no PNG or JPEG."""
    if len(content) > LARGEST_FILE:
        raise SettingsError(_("The file of the logo has more than 5 MB."), "logo")
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=("PNG", "JPEG")) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > MOST_PIXELS:
                raise SettingsError(_("The logo has more than 40 million pixels."), "logo")
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except SettingsError:
        raise
    except (
        Exception
    ) as error:  # decoders raise OSError, ValueError, SyntaxError and others for a damaged file
        raise SettingsError(_("The logo is no PNG or JPEG picture, or it is damaged."), "logo") from error
    picture.thumbnail(LOGO, Image.Resampling.LANCZOS)
    paper = Image.new("RGB", picture.size, "white")  # archival PDF has no transparency here
    paper.paste(picture, mask=picture.getchannel("A"))
    target = BytesIO()
    paper.save(target, "PNG", optimize=True)
    return target.getvalue()


@transaction.atomic
def save_document_settings(
    *, connection: Connection, values: Mapping[str, Any], logo: bytes | None = None, remove_logo: bool = False
) -> DocumentSettings:
    """Save what a store prints on its documents. `logo` is an uploaded file, None leaves the present one.

    Raises `SettingsError` for a logo that is no picture, a VAT scheme without its number, one prefix for both kinds, and a
    prefix that a store of another seller uses: the numbers of a series belong to one seller.
    """
    row = DocumentSettings.objects.filter(connection=connection).first() or DocumentSettings(
        connection=connection
    )
    before = audit.snapshot(row, FIELDS) | {"logo": bool(row.logo)}
    for name in FIELDS:
        setattr(row, name, values[name])
    if row.vat_scheme == VatScheme.STANDARD and not row.vat_number:
        raise SettingsError(
            _("Enter the VAT number, or choose that the seller is not registered."), "vat_number"
        )
    if row.invoice_prefix == row.credit_prefix:
        raise SettingsError(_("Invoices and credit notes need different prefixes."), "credit_prefix")
    _check_prefixes(row)
    if logo is not None:
        row.logo = small_logo(logo)
    elif remove_logo:
        row.logo = None
    row.save()
    after = audit.snapshot(row, FIELDS) | {"logo": bool(row.logo)}
    if changes := audit.difference(before, after):
        audit.record("store.documents", connection, changes)
    return row


def seller_key(row: DocumentSettings) -> str:
    """Return what two stores of one seller have in common: the VAT number, else the company number, else the name."""
    key = row.vat_number or row.company_number or row.seller_name
    return "".join(key.casefold().split())


def _check_prefixes(row: DocumentSettings) -> None:
    others = DocumentSettings.objects.exclude(connection=row.connection_id).exclude(seller_name="")
    for other in others.select_related("connection"):
        if seller_key(other) == seller_key(row):
            continue
        for field in ("invoice_prefix", "credit_prefix"):
            if getattr(row, field) in {other.invoice_prefix, other.credit_prefix}:
                raise SettingsError(
                    _("%(store)s of another seller uses the prefix “%(prefix)s”. Choose another one.")
                    % {"store": other.connection, "prefix": getattr(row, field)},
                    field,
                )
