"""Documents that were printed or issued, the numbers of invoices, and what a store prints on its documents."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from orders.choices import (
    NUMBERED,
    DocumentKind,
    DocumentLanguage,
    LabelSize,
    PageSize,
    VatScheme,
)
from orders.models.order import Order
from orders.models.shipment import Manifest, Shipment


class NumberSeries(models.Model):
    """The last number of a series of invoices or credit notes. Its row is locked by the transaction that issues one.

    A sequence of the database would leave a gap when that transaction is rolled back; this row does not.
    """

    prefix = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["prefix", "year"], name="series_once"),)

    def __str__(self) -> str:
        return f"{self.prefix}{self.year}"


class Document(models.Model):
    """A document of an order, shipment or manifest, and how often it was printed.

    Invoices, credit notes and manifests are *issued*: `data` and the file named by `content_hash` are stored then and
    never change. Labels and slips are printed from the present data; only their prints are counted.
    """

    kind = models.CharField(_("document"), max_length=16, choices=DocumentKind.choices)
    number = models.CharField(_("number"), max_length=40, blank=True)
    connection = models.ForeignKey(
        Connection,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="documents",
        verbose_name=_("store"),
    )
    order = models.ForeignKey(
        Order,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="documents",
        verbose_name=_("order"),
    )
    shipment = models.ForeignKey(
        Shipment, null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    manifest = models.ForeignKey(
        Manifest, null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    is_credited = models.BooleanField(
        _("credited in full"), default=False, help_text=_("Another invoice of the order can be issued.")
    )
    language = models.CharField(_("language"), max_length=2, default="en")
    issued_at = models.DateTimeField(_("issued"), default=timezone.now)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=4, null=True, blank=True)
    data = models.JSONField(default=dict, blank=True, help_text=_("What it says, as issued."))
    content_hash = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the stored file."))
    prints = models.PositiveIntegerField(_("printed"), default=0)
    printed_at = models.DateTimeField(_("last printed"), null=True, blank=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ("-id",)
        permissions = (
            ("print_document", _("Can print pick lists, packing slips, labels and manifests")),
            ("issue_document", _("Can issue invoices and credit notes")),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["number"], name="document_number_once", condition=Q(kind__in=NUMBERED)
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=NUMBERED) | ~Q(number=""), name="document_has_number"
            ),
            models.UniqueConstraint(
                fields=["order"],
                name="document_one_invoice",
                condition=Q(kind=DocumentKind.INVOICE, is_credited=False),
            ),
            models.UniqueConstraint(
                fields=["kind", "shipment"],
                name="document_of_shipment_once",
                condition=Q(shipment__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["manifest"], name="document_of_manifest_once", condition=Q(manifest__isnull=False)
            ),
        )
        indexes = (models.Index(fields=["order", "id"], name="document_order"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}".strip()


class DocumentSettings(models.Model):
    """Who sells in a store, and how its documents look."""

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="document_settings"
    )
    seller_name = models.CharField(_("seller"), max_length=120, blank=True)
    seller_address = models.TextField(
        _("address"), max_length=400, blank=True, help_text=_("Without the name, line by line.")
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        default="GB",
        validators=[RegexValidator(r"^[A-Z]{2}$", _("Write two capital letters, such as GB or FR."))],
        help_text=_("Where the seller is established: GB or FR decides which mentions are on invoices."),
    )
    contact = models.CharField(
        _("contact"), max_length=160, blank=True, help_text=_("E-mail, phone or web site, on one line.")
    )
    return_address = models.TextField(
        _("address for returns"), max_length=400, blank=True, help_text=_("Empty: the address above.")
    )
    vat_scheme = models.CharField(
        _("VAT"), max_length=10, choices=VatScheme.choices, default=VatScheme.NOT_REGISTERED
    )
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    company_number = models.CharField(
        _("company number"), max_length=40, blank=True, help_text=_("In France: SIREN and RCS.")
    )
    vat_rate = models.DecimalField(
        _("VAT in prices (%)"),
        max_digits=4,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("For sales in the seller's country whose channel states no tax. Empty: 0."),
    )
    sterling_rate = models.DecimalField(
        _("pounds for one unit of another currency"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("A seller in the United Kingdom states the VAT total in pounds, too."),
    )
    invoice_prefix = models.CharField(_("prefix of invoices"), max_length=12, default="INV")
    credit_prefix = models.CharField(_("prefix of credit notes"), max_length=12, default="CN")
    legal = models.CharField(
        _("company line"),
        max_length=300,
        blank=True,
        help_text=_("Legal form, capital, registered office. At the foot of every page."),
    )
    terms = models.TextField(_("payment terms"), max_length=600, blank=True)
    thanks = models.TextField(_("message on packing slips"), max_length=400, blank=True)
    slip_prices = models.BooleanField(
        _("prices on packing slips"), default=False, help_text=_("Never on a gift.")
    )
    language = models.CharField(
        _("language"), max_length=5, choices=DocumentLanguage.choices, default=DocumentLanguage.BUYER
    )
    label_size = models.CharField(
        _("paper of labels"), max_length=5, choices=LabelSize.choices, default=LabelSize.THERMAL
    )
    page_size = models.CharField(
        _("paper of other documents"), max_length=6, choices=PageSize.choices, default=PageSize.A4
    )
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#1f2937",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Write a colour such as #1f2937."))],
    )
    logo = models.BinaryField(null=True, blank=True, help_text=_("PNG, made small."))

    class Meta:
        verbose_name = _("document settings")
        verbose_name_plural = _("document settings")

    def __str__(self) -> str:
        return f"{self.connection}"
