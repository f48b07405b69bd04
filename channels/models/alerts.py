"""Tables of alerts: the causes, what each person wants to be sent, and the notices."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.models.fields import EncryptedJSONField
from channels.models.querysets import AlertNoticeQuerySet, AlertQuerySet
from oms.kit.models.leases import Leased


class Alert(models.Model):
    """One cause that a person should know about, from its begin (`opened_at`) to its end (`ended_at`).

    `kind` is declared in `channels.stores.alert_kinds`; `key` names the cause within it ("store:3"). The database has at most
    one open row for each cause, so that two workers cannot open it twice. `missing_since`: the last check did not find the
    cause; it ends when it is not found again for a few minutes, so that a cause that comes and goes sends no stream of
    notices.
    """

    kind = models.CharField(_("kind"), max_length=40)
    key = models.CharField(max_length=120)
    text = models.CharField(_("alert"), max_length=500)
    link = models.CharField(max_length=300, blank=True, help_text=_("The page of Manifold to resolve it."))
    connection_id = models.BigIntegerField(
        null=True, blank=True, help_text=_("The store of the alert, if it has one.")
    )
    opened_at = models.DateTimeField(_("since"), default=timezone.now)
    missing_since = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    noticed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the notices of its begin were written.")
    )
    escalated_at = models.DateTimeField(_("escalated"), null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(ended_at=None), name="alert_open_once"
            ),
        )
        indexes = (
            models.Index(fields=["-id"], name="alert_open", condition=Q(ended_at=None)),
            models.Index(fields=["ended_at"], name="alert_ended", condition=Q(ended_at__isnull=False)),
        )

    def __str__(self) -> str:
        return self.text


class AlertCheck(models.Model):
    """When the causes of a kind were last looked for, and the fault that stopped it ("" for none)."""

    kind = models.CharField(primary_key=True, max_length=40)
    checked_at = models.DateTimeField(default=timezone.now)
    fault = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.kind


class AlertSettings(models.Model):
    """What a person wants to be sent, and how. Without a row the defaults of `channels.ops.alerts.people` are used.

    `ways` is kind -> list of ways ("mail", "webhook", "home"). `webhook` has the address, which is a secret of the
    receiving service. During quiet hours notices wait for their end, in the person's time zone.
    """

    class Form(models.TextChoices):
        """The form in which a webhook expects its message."""

        JSON = "json", _("JSON")
        SLACK = "slack", _("Slack")
        TEAMS = "teams", _("Microsoft Teams")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="alert_settings"
    )
    ways = models.JSONField(_("what is sent"), default=dict, blank=True)
    webhook = EncryptedJSONField()
    webhook_form = models.CharField(
        _("form of the webhook"), max_length=5, choices=Form.choices, default=Form.JSON
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_sent_escalations = models.BooleanField(_("alerts that are not resolved for an hour"), default=True)

    class Meta:
        verbose_name = _("alert settings")
        verbose_name_plural = _("alert settings")

    def __str__(self) -> str:
        return str(self.user)


class AlertNotice(Leased):
    """One message to one person about the begin, the escalation or the end of an alert; the database has each once.

    The state is stored as `sending` before it is sent. If the worker is killed then, nobody can say whether the message
    left: it becomes `unknown` and is not sent again.
    """

    class Event(models.TextChoices):
        """What the notice is about."""

        OPENED = "opened", _("New")
        ESCALATED = "escalated", _("Not resolved")
        ENDED = "ended", _("Resolved")

    class Way(models.TextChoices):
        """How it is sent."""

        MAIL = "mail", _("E-mail")
        WEBHOOK = "webhook", _("Webhook")

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        DROPPED = "dropped", _("Not needed")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Perhaps sent")

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    way = models.CharField(max_length=7, choices=Way.choices)
    event = models.CharField(max_length=9, choices=Event.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = AlertNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = (
            models.UniqueConstraint(fields=["alert", "user", "way", "event"], name="alert_notice_once"),
        )
        indexes = (
            models.Index(
                fields=["user", "way"],
                name="alert_notice_open",
                condition=Q(state__in=("waiting", "sending")),
            ),
            models.Index(fields=["user", "-id"], name="alert_notice_person"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.way} ({self.state})"
