"""Accounts at carriers, rules that choose a carrier and a service, and labels that were bought."""

from __future__ import annotations

from typing import cast
from uuid import uuid4

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.spec import CarrierSpec
from channels.models import Connection
from oms.kit.models.leases import Leased, LeaseQuerySet
from orders.choices import CloseOutState, LabelFileFormat, LabelState
from orders.models.carrier import Carrier
from orders.models.querysets import LabelPurchaseQuerySet
from orders.models.shipment import Manifest, Shipment


class CarrierAccount(models.Model):
    """How labels are bought with one account at a carrier. Its credentials, state and call log are its connection's.

    `last_number` counts the numbers of own delivery; its row is locked while one is taken.
    """

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="carrier_account"
    )
    carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="accounts",
        verbose_name=_("carrier"),
        help_text=_(
            "Labels for shipments of this carrier are bought here. Empty: the carrier that the service names."
        ),
    )
    default_service = models.CharField(_("default service"), max_length=120, blank=True)
    label_format = models.CharField(
        _("format of labels"), max_length=3, choices=LabelFileFormat.choices, default=LabelFileFormat.PDF
    )
    default_grams = models.PositiveIntegerField(
        _("weight where a SKU has none (g)"),
        null=True,
        blank=True,
        help_text=_("For the whole parcel. Empty: no label is bought before the SKU has a weight."),
    )
    sender = models.JSONField(_("sender"), default=dict, blank=True)
    hs_code = models.CharField(_("HS code of the goods"), max_length=12, blank=True)
    origin = models.CharField(
        _("country of origin"),
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}$", _("Write two capital letters, such as GB or FR."))],
    )
    prefix = models.CharField(
        _("prefix of numbers"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(r"^[A-Z0-9]*$", _("Use capital letters and digits only."))],
    )
    last_number = models.PositiveBigIntegerField(_("last number"), default=0)
    end_number = models.PositiveBigIntegerField(_("end of the range"), default=99_999_999)

    class Meta:
        verbose_name = _("carrier account")
        verbose_name_plural = _("carrier accounts")

    def __str__(self) -> str:
        return str(self.connection)

    @property
    def spec(self) -> CarrierSpec:
        """The declaration of its carrier."""
        return cast(CarrierSpec, self.connection.spec)

    @property
    def is_test(self) -> bool:
        """Whether it buys nothing that costs money."""
        return bool(self.connection.options.get("is_test"))


class CloseOut(Leased):
    """The carrier's own manifest beside one of Manifold's: one for each account that sold its labels (R-SHIP-04).

    The lease belongs to the process that asks the carrier; `asked_at` set: it may have been made already.
    """

    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="close_outs")
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        _("status"), max_length=8, choices=CloseOutState.choices, default=CloseOutState.WANTED
    )
    number = models.CharField(_("number"), max_length=60, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the carrier's PDF."))
    error = models.CharField(_("reason"), max_length=500, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = LeaseQuerySet["CloseOut"].as_manager()

    class Meta:
        verbose_name = _("manifest of the carrier")
        verbose_name_plural = _("manifests of the carriers")
        constraints = (models.UniqueConstraint(fields=["manifest", "account"], name="close_out_once"),)

    def __str__(self) -> str:
        return f"{self.account} {self.number}".strip()


class CarrierRule(models.Model):
    """One line of a store's table of carriers: the first line that fits an order chooses. Empty conditions fit all."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="carrier_rules", verbose_name=_("store")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=10)
    countries = models.CharField(
        _("countries"),
        max_length=200,
        blank=True,
        help_text=_("Two letters each, such as GB, IE. Empty: all."),
    )
    min_grams = models.PositiveIntegerField(_("weight from (g)"), null=True, blank=True)
    max_grams = models.PositiveIntegerField(_("weight up to (g)"), null=True, blank=True)
    min_value = models.DecimalField(_("value from"), max_digits=12, decimal_places=2, null=True, blank=True)
    max_value = models.DecimalField(_("value up to"), max_digits=12, decimal_places=2, null=True, blank=True)
    method = models.CharField(
        _("shipping method contains"),
        max_length=120,
        blank=True,
        help_text=_("A part of the channel's own name of the method."),
    )
    carrier = models.ForeignKey(
        Carrier, null=True, on_delete=models.CASCADE, related_name="rules", verbose_name=_("carrier")
    )
    service = models.CharField(
        _("service"),
        max_length=120,
        blank=True,
        help_text=_("The carrier's code. Empty: the account's default."),
    )

    class Meta:
        verbose_name = _("carrier rule")
        verbose_name_plural = _("carrier rules")
        ordering = ("connection", "position", "id")

    def __str__(self) -> str:
        return f"{self.position}: {self.carrier or '–'} {self.service}".strip()


class LabelPurchase(Leased):
    """One label, bought once. `reference` goes with every call to the carrier and never changes.

    The lease belongs to the process that calls the carrier. Whatever happens to it, the next one looks the reference up
    before it asks again.
    """

    shipment = models.ForeignKey(
        Shipment, on_delete=models.PROTECT, related_name="labels", verbose_name=_("shipment")
    )
    account = models.ForeignKey(
        CarrierAccount, on_delete=models.PROTECT, related_name="labels", verbose_name=_("carrier account")
    )
    reference = models.UUIDField(unique=True, default=uuid4, editable=False)
    is_return = models.BooleanField(_("return label"), default=False)
    state = models.CharField(
        _("status"), max_length=10, choices=LabelState.choices, default=LabelState.WANTED
    )
    service = models.CharField(_("service"), max_length=120)
    service_name = models.CharField(max_length=200, blank=True)
    grams = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    label_format = models.CharField(
        max_length=3, choices=LabelFileFormat.choices, default=LabelFileFormat.PDF
    )
    external_id = models.CharField(max_length=120, blank=True)
    parcel_id = models.CharField(max_length=120, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=120, blank=True)
    tracking_url = models.CharField(max_length=500, blank=True)
    carrier_name = models.CharField(_("carrier"), max_length=120, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the label's file."))
    error = models.CharField(_("reason"), max_length=500, blank=True)
    error_field = models.CharField(_("field"), max_length=120, blank=True)
    cancel_wanted_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    wanted_at = models.DateTimeField(_("wanted"), default=timezone.now)
    asked_at = models.DateTimeField(null=True, blank=True)
    bought_at = models.DateTimeField(_("bought"), null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    prints = models.PositiveIntegerField(_("printed"), default=0)

    objects = LabelPurchaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = ("-id",)
        permissions = (("buy_label", _("Can buy and cancel labels")),)
        constraints = (
            models.UniqueConstraint(
                fields=["shipment", "is_return"],
                name="label_one_for_a_shipment",
                condition=Q(state__in=("wanted", "asked", "unknown", "bought", "cancelling")),
            ),
        )
        indexes = (
            models.Index(
                fields=["state", "id"],
                name="label_open",
                condition=Q(state__in=("wanted", "asked", "unknown", "cancelling")),
            ),
            models.Index(fields=["tracking_number"], name="label_number", condition=~Q(tracking_number="")),
        )

    def __str__(self) -> str:
        return f"{self.service} {self.tracking_number}".strip()

    @property
    def is_live(self) -> bool:
        """Whether the shipment has this label, or may have it."""
        return self.state in LabelState.live()
