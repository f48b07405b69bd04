"""Carriers, and their names in each store."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from oms.kit.numbers import is_web_address


def check_web_address(value: str) -> None:
    """Raise `ValidationError` for a link that is not http or https: a browser would run `javascript:` links."""
    if value and not is_web_address(value):
        raise ValidationError(_("The tracking link must begin with https://."))


class Carrier(models.Model):
    """A company that delivers parcels. `key` is the casefolded name; `tracking_url` makes the links to its tracking page."""

    name = models.CharField(_("name"), max_length=120)
    key = models.CharField(max_length=120, unique=True, editable=False)
    tracking_url = models.CharField(
        _("tracking link"),
        max_length=300,
        blank=True,
        validators=[check_web_address],
        help_text=_("Write {number} in place of the tracking number."),
    )
    cut_off = models.TimeField(
        _("cut-off time"),
        null=True,
        blank=True,
        help_text=_("Parcels that are ready later leave on the next working day."),
    )
    working_days = models.CharField(
        _("collects on"),
        max_length=7,
        default="12345",
        blank=True,
        validators=[RegexValidator(r"^[1-7]*$", _("Use the digits 1 (Monday) to 7 (Sunday)."))],
        help_text=_("1 is Monday, 7 is Sunday. Empty: every day."),
    )
    transit_days = models.PositiveSmallIntegerField(
        _("days to deliver"),
        null=True,
        blank=True,
        help_text=_("Working days from the collection to the delivery. A parcel that takes longer is late."),
    )
    is_own = models.BooleanField(_("added by hand"), default=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.key = self.name.casefold().strip()
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def collects_on(self, day: date) -> bool:
        """Whether the carrier collects on this day of the week; without working days, on every day."""
        return not self.working_days or str(day.isoweekday()) in self.working_days

    def leaves_on(self, ready_at: datetime) -> date:
        """Return the day on which a parcel leaves that is ready at this local time: the cut-off decides for a working day."""
        day = ready_at.date()
        if self.cut_off is not None and ready_at.time() > self.cut_off:
            day += timedelta(days=1)
        return self._next_working(day)

    def due_on(self, left: date) -> date | None:
        """Return the day by which a parcel that left is to be delivered; None where the days to deliver are not known."""
        if self.transit_days is None:
            return None
        day = self._next_working(left)
        for _day in range(self.transit_days):
            day = self._next_working(day + timedelta(days=1))
        return day

    def _next_working(self, day: date) -> date:
        return next(
            (day + timedelta(days=n) for n in range(7) if self.collects_on(day + timedelta(days=n))), day
        )


class CarrierMap(models.Model):
    """A carrier of a store, with its code and name on the channel, and the carrier of Manifold that it is."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="carrier_map")
    external_id = models.CharField(_("code on the channel"), max_length=120)
    name = models.CharField(_("name on the channel"), max_length=200)
    carrier = models.ForeignKey(Carrier, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("carrier of a store")
        verbose_name_plural = _("carriers of stores")
        constraints = (
            models.UniqueConstraint(fields=["connection", "external_id"], name="carrier_map_once"),
        )

    def __str__(self) -> str:
        return f"{self.name} → {self.carrier or '?'}"
