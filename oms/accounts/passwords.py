"""Forgot password: a link by mail, which works once and for one hour. It does not replace the second factor."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _

from oms.accounts.sessions import end_sessions
from oms.kit.admin.base import dress
from oms.kit.authors import actors, audit

EVERY = 300  # seconds between two mails to one address
TEMPLATE = "oms/password/form.html"


class AskForm(PasswordResetForm):
    """An e-mail address. One mail for each address in five minutes; the link has our public address, not the visitor's."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Send the mail, where a person who can sign in has this address."""
        if cache.add(f"password-mail:{self.cleaned_data['email'].lower()}"[:200], 1, EVERY):
            super().save(*args, **kwargs)

    def send_mail(
        self, subject_template_name: str, email_template_name: str, context: Any, *args: Any, **more: Any
    ) -> None:
        link = reverse("admin_password_new", args=[context["uid"], context["token"]])
        context = {**context, "address": f"{settings.OMS_PUBLIC_URL}{link}"}
        super().send_mail(subject_template_name, email_template_name, context, *args, **more)


class Ask(PasswordResetView):
    form_class = AskForm
    template_name = TEMPLATE
    email_template_name = "oms/password/mail.txt"
    subject_template_name = "oms/password/subject.txt"
    success_url = reverse_lazy("admin_password_sent")
    extra_context = {"title": _("Forgot password"), "button": _("Send the link")}

    def get_form(self, form_class: Any = None) -> Any:
        return dress(super().get_form(form_class))


class New(PasswordResetConfirmView):
    template_name = TEMPLATE
    success_url = reverse_lazy("admin_password_changed")

    def get_form(self, form_class: Any = None) -> Any:
        return dress(super().get_form(form_class))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {**context, "title": _("New password"), "button": _("Save"), "bad_link": not self.validlink}

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        assert self.user is not None  # the link was valid
        end_sessions(self.user.pk)
        audit.record("user.password", self.user, by=actors.person(self.user))
        return answer


def sent(request: HttpRequest) -> HttpResponse:
    """Say the same whether the address is known or not."""
    return render(request, TEMPLATE, {"title": _("Forgot password"), "sent": True})


def changed(request: HttpRequest) -> HttpResponse:
    """Say that the new password works."""
    return render(request, TEMPLATE, {"title": _("New password"), "done": True})


urlpatterns = [
    path("", Ask.as_view(), name="admin_password_reset"),
    path("sent/", sent, name="admin_password_sent"),
    path("changed/", changed, name="admin_password_changed"),
    path("<str:uidb64>/<str:token>/", New.as_view(), name="admin_password_new"),
]
