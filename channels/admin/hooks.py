"""Outgoing webhooks: the list, the form for a new one, and the page of each with its log of deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import HookDelivery, HookSubscription
from channels.ops.hooks import sending, subscriptions
from channels.ops.hooks.subscriptions import HookError
from channels.push.hook_kinds import kinds
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.numbers import whole_number

CHANGE = "channels.change_connection"
HOOKS = _("Outgoing webhooks")
SHOWN = 100
COLOURS = {"waiting": "info", "sent": "success", "failed": "danger"}


class HookForm(forms.Form):
    """An outgoing webhook."""

    name = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("The program that is sent the events.")
    )
    url = forms.CharField(label=_("Address"), max_length=500, help_text=_("https://…"))
    events = forms.MultipleChoiceField(
        label=_("Events"), widget=forms.CheckboxSelectMultiple(attrs={"class": "oms-rights"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(kind.key, kind.label) for kind in kinds().values()]
        self.fields["events"].choices = choices  # type: ignore[attr-defined]


class _HookPage(Page):
    permission: ClassVar[Any] = CHANGE

    def crumbs(self) -> Any:
        return ((_("Integrations"), ""), (HOOKS, reverse("admin:hooks")))

    def uncached(self, **extra: Any) -> HttpResponse:
        """Answer with a page that no browser stores: it may show a secret."""
        answer = self.render(**extra)
        answer["Cache-Control"] = "no-store"
        return answer


class Hooks(_HookPage):
    """All outgoing webhooks."""

    title = HOOKS
    template_name = "channels/hooks.html"

    def crumbs(self) -> Any:
        return ((_("Integrations"), ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = HookSubscription.objects.defer("secrets").annotate(
            waiting=Count("deliveries", filter=Q(deliveries__state="waiting")),
            failed=Count("deliveries", filter=Q(deliveries__state="failed")),
        )
        words = {kind.key: str(kind.label) for kind in kinds().values()}
        return self.render(
            rows=[(row, ", ".join(words.get(event, event) for event in row.events)) for row in rows]
        )


class NewHook(_HookPage):
    """Create an outgoing webhook; its secret is shown once."""

    title = _("New outgoing webhook")
    template_name = "channels/hook_new.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(form=dress(HookForm()), form_token=form_token())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = HookForm(request.POST)
        if not form.is_valid():
            return self.render(form=dress(form), form_token=form_token())
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise HookError(gettext("This was already saved. Nothing was changed again."))
                made, secret = subscriptions.create(**form.cleaned_data, by=person(request.user))
        except HookError as error:
            form.add_error(None, str(error))
            return self.render(form=dress(form), form_token=form_token())
        return self.uncached(hook=made, secret=secret)


class HookPage(_HookPage):
    """One outgoing webhook. Each of its forms acts once, however often it is sent."""

    template_name = "channels/hook.html"

    def found(self, pk: int) -> HookSubscription:
        row = HookSubscription.objects.filter(pk=pk).first()
        if row is None:
            raise Http404(gettext("This outgoing webhook does not exist."))
        self.title = row.name
        return row

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.found(pk))

    def show(self, row: HookSubscription, form: HookForm | None = None, secret: str = "") -> HttpResponse:
        """Answer with the page; `secret` is one that was just made."""
        state = self.request.GET.get("state", "")
        deliveries = HookDelivery.objects.filter(subscription=row).order_by("-pk")
        if state in HookDelivery.State.values:
            deliveries = deliveries.filter(state=state)
        words = {kind.key: kind.label for kind in kinds().values()} | {sending.TEST: _("Test")}
        initial = {"name": row.name, "url": row.secrets.get("url", ""), "events": row.events}
        return self.uncached(
            hook=row,
            form=dress(form or HookForm(initial=initial)),
            secret=secret,
            deliveries=[
                (one, words.get(one.event, one.event), COLOURS[one.state]) for one in deliveries[:SHOWN]
            ],
            states=[("", _("All")), *HookDelivery.State.choices],
            state=state,
            shown=SHOWN,
            test=sending.TEST,
            events=history_of(row),
            form_token=form_token(),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row, what = self.found(pk), request.POST.get("what", "")
        act = getattr(self, f"do_{what}", None) if what.isidentifier() else None
        if act is None:
            raise Http404(gettext("This action was not found."))
        if what == "test":  # a call to another server is never made inside a transaction
            act(request, row)
            return HttpResponseRedirect(reverse("admin:hook", args=[pk]))
        if what == "delete" and "confirmed" not in request.POST:
            return self.ask_delete(row)
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise HookError(gettext("This was already saved. Nothing was changed again."))
                answer = act(request, row)
        except HookError as error:
            messages.error(request, str(error))
            answer = None
        if isinstance(answer, HttpResponse):
            return answer
        return HttpResponseRedirect(reverse("admin:hook", args=[pk]))

    def do_change(self, request: HttpRequest, row: HookSubscription) -> HttpResponse | None:
        form = HookForm(request.POST)
        if not form.is_valid():
            return self.show(row, form)
        subscriptions.change(subscription=row, **form.cleaned_data, by=person(request.user))
        messages.success(request, gettext("Saved."))
        return None

    def do_test(self, request: HttpRequest, row: HookSubscription) -> None:
        error = sending.send_test(row)
        if error is None:
            messages.success(request, gettext("The test was sent and taken."))
        else:
            messages.error(request, gettext("The test failed: %s") % error.message)

    def do_secret(self, request: HttpRequest, row: HookSubscription) -> HttpResponse:
        secret = subscriptions.renew_secret(subscription=row, by=person(request.user))
        return self.show(self.found(row.pk), secret=secret)

    def do_on(self, request: HttpRequest, row: HookSubscription) -> None:
        subscriptions.switch(subscription=row, is_on=True, by=person(request.user))
        messages.success(request, gettext("Switched on. It is sent what happens from now on."))

    def do_off(self, request: HttpRequest, row: HookSubscription) -> None:
        subscriptions.switch(subscription=row, is_on=False, by=person(request.user))
        messages.success(request, gettext("Switched off."))

    def do_replay(self, request: HttpRequest, row: HookSubscription) -> None:
        key = whole_number(request.POST.get("delivery", ""))
        count = subscriptions.replay(subscription=row, delivery_id=key, by=person(request.user))
        messages.success(request, gettext("%d deliveries are sent again within a minute.") % count)

    def ask_delete(self, row: HookSubscription) -> HttpResponse:
        """Answer with the confirmation of the deletion."""
        return self.confirm(
            question=gettext("Delete the outgoing webhook %s with its log?") % row.name,
            button=gettext("Delete"),
            back=reverse("admin:hook", args=[row.pk]),
            is_dangerous=True,
            hidden=[("what", "delete")],
        )

    def do_delete(self, request: HttpRequest, row: HookSubscription) -> HttpResponse:
        subscriptions.delete(subscription=row, by=person(request.user))
        messages.success(request, gettext("Deleted."))
        return HttpResponseRedirect(reverse("admin:hooks"))


add(
    ("integrations/outgoing-webhooks/", Hooks, "hooks"),
    ("integrations/outgoing-webhooks/new/", NewHook, "hook_new"),
    ("integrations/outgoing-webhooks/<key:pk>/", HookPage, "hook"),
)
