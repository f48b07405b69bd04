"""My account » Alerts: which alerts a person is sent, how, and when not. Everybody has this page, for themselves alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import AlertNotice, AlertSettings
from channels.ops.alerts import mail, preferences
from channels.ops.alerts.people import HOME, MAIL, WEBHOOK, Person, person_of
from channels.ops.alerts.sending import send_test
from channels.ops.alerts.webhook import address_fault
from channels.stores.alert_kinds import AlertKind, kinds_for
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add

WAYS = (MAIL, WEBHOOK, HOME)


class AlertForm(forms.Form):
    """The settings of one person: a check box for each kind and way, the webhook, quiet hours."""

    webhook = forms.CharField(
        label=_("Webhook address"),
        required=False,
        max_length=1000,
        help_text=_(
            "Of a channel in Slack or Teams, or of a program of your own. Empty: the stored one stays."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"}),
    )
    webhook_form = forms.ChoiceField(label=_("Form of the webhook"), choices=AlertSettings.Form.choices)
    forget_webhook = forms.BooleanField(label=_("Delete the stored webhook"), required=False)
    quiet_from = forms.TimeField(
        label=_("Quiet from"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("Nothing is sent in between; it is sent afterwards if it is not resolved until then."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"))
    is_sent_escalations = forms.BooleanField(
        label=_("Send me alerts that are not resolved for an hour"), required=False
    )

    def __init__(self, person: Person, data: Any = None) -> None:
        saved = person.settings
        zone = saved.time_zone or timezone.get_current_timezone_name()
        initial = {
            "webhook_form": saved.webhook_form,
            "quiet_from": saved.quiet_from,
            "quiet_until": saved.quiet_until,
            "time_zone": zone,
            "is_sent_escalations": saved.is_sent_escalations,
        }
        super().__init__(data, initial=initial)
        zones: Any = self.fields["time_zone"]
        zones.choices = [(name, name) for name in sorted({*available_timezones(), zone})]
        if not person.is_owner:
            del self.fields["is_sent_escalations"]
        if not saved.webhook.get("url"):
            del self.fields["forget_webhook"]

    def clean_webhook(self) -> str:
        url: str = self.cleaned_data["webhook"].strip()
        if url and (fault := address_fault(url)):
            raise forms.ValidationError(fault)
        return url

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and (data["quiet_from"] is None) != (data["quiet_until"] is None):
            raise forms.ValidationError(_("Enter both times of the quiet hours, or none."))
        return data


class AlertSettingsPage(Page):
    """The page: a table of kinds and ways, the webhook, quiet hours, a test of each way, and what could not be sent."""

    title = _("Alert settings")
    template_name = "channels/alert_settings.html"

    def crumbs(self) -> Any:
        return ((_("My account"), reverse("admin:account")),)

    def get(self, request: HttpRequest) -> HttpResponse:
        person = person_of(request.user)
        return self._show(person, AlertForm(person))

    def _show(self, person: Person, form: AlertForm) -> HttpResponse:
        kinds = kinds_for(person.user)
        failed = AlertNotice.objects.filter(
            user=person.user.pk, state__in=(AlertNotice.State.FAILED, AlertNotice.State.UNKNOWN)
        ).select_related("alert")
        return self.render(
            form=dress(form),
            rows=[self._row(person, kind) for kind in kinds],
            address=person.user.email,
            webhook_host=urlsplit(person.settings.webhook.get("url", "")).hostname or "",
            is_written_to_log=mail.is_written_to_log(),
            failed=failed.order_by("-pk")[:10],
        )

    def _row(self, person: Person, kind: AlertKind) -> dict[str, Any]:
        chosen = person.ways(kind)
        if self.request.method == "POST":
            chosen = set(self.request.POST.getlist(f"ways-{kind.key}"))
        return {
            "kind": kind,
            "boxes": [(way, way in chosen) for way in WAYS if way != HOME or kind.is_on_home],
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        person = person_of(request.user)
        what = request.POST.get("do", "")
        if what == "test":
            return self._test(person, request.POST.get("way", ""))
        if what != "save":
            raise Http404(gettext("This action does not exist."))
        form = AlertForm(person, request.POST)
        if not form.is_valid():
            return self._show(person, form)
        ways = {kind.key: request.POST.getlist(f"ways-{kind.key}") for kind in kinds_for(request.user)}
        preferences.save(person=person, ways=ways, **form.cleaned_data)
        messages.success(request, gettext("Alert settings saved."))
        return HttpResponseRedirect(reverse("admin:account_alerts"))

    def _test(self, person: Person, way: str) -> HttpResponse:
        if way not in person.possible_ways:
            raise Http404(gettext("You have no address for this."))
        outcome = send_test(person, way)
        if outcome.state == AlertNotice.State.SENT:
            words = {
                MAIL: gettext("A test was sent to %s.") % person.user.email,
                WEBHOOK: gettext("A test was sent to your webhook."),
            }
            messages.success(self.request, words[way])
        else:
            messages.error(self.request, gettext("The test was not sent: %s") % outcome.error)
        return HttpResponseRedirect(reverse("admin:account_alerts"))


add(("account/alerts/", AlertSettingsPage, "account_alerts"))
