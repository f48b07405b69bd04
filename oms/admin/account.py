"""My account: second factor, sessions, password. Every person who is signed in has this page, for themselves alone."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from oms.accounts import language, second_factor
from oms.accounts.sessions import MUST_SET_UP, end_sessions
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add
from oms.kit.authors import audit
from oms.kit.models import PersonSettings, SecurityPolicy, UserSession

#: Each language by its own name.
NAMES = {"en-gb": "English", "fr": "Français"}


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=10,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasswordForm(forms.Form):
    """Asks for the password again, before the second factor or its codes change."""

    password = forms.CharField(
        label=_("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        given: str = self.cleaned_data["password"]
        if not self.user.check_password(given):
            raise forms.ValidationError(_("This is not your password."))
        return given


class OwnPasswordForm(PasswordChangeForm):
    """Django's form, without the focus: the page has other forms above it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)


class LanguageForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", gettext("That of the browser")), *NAMES.items()]
        self.fields["language"].choices = choices  # type: ignore[attr-defined]


class Account(Page):
    """My account. Each form posts what it does as `do`."""

    title = _("My account")
    template_name = "oms/account.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def show(self, **extra: Any) -> HttpResponse:
        """Answer with the page; `extra` are a form with errors, or recovery codes that were just made."""
        user, has_one = self.request.user, second_factor.has_one(self.request.user)
        context: dict[str, Any] = {
            "has_second_factor": has_one,
            "is_required": not has_one and second_factor.is_missing(user),
            "codes_left": second_factor.codes_left(user),
            "sessions": UserSession.objects.filter(user=user.pk).order_by("-seen_at")[:50],
            "this_session": self.request.session.session_key,
            "code_form": dress(CodeForm(prefix="code")),
            "off_form": dress(PasswordForm(user, prefix="off")),
            "codes_form": dress(PasswordForm(user, prefix="codes")),
            "language_form": dress(
                LanguageForm(
                    prefix="language", initial={"language": PersonSettings.language_of(cast(User, user).pk)}
                )
            ),
            "password_form": dress(OwnPasswordForm(cast(User, user), prefix="password")),
            **extra,
        }
        if not has_one:
            device = second_factor.begin(user)
            context |= {
                "qr": SafeString(second_factor.qr_svg(device)),
                "secret": second_factor.secret_text(device),
            }
        answer = self.render(**context)
        answer["Cache-Control"] = "no-store"
        return answer

    def post(self, request: HttpRequest) -> HttpResponse:
        act = getattr(self, f"do_{request.POST.get('do', '')}", None)
        if act is None:
            raise Http404(gettext("This action does not exist."))
        answer: HttpResponse = act(request)
        return answer

    def _back(self, message: str) -> HttpResponse:
        messages.success(self.request, message)
        return HttpResponseRedirect(reverse("admin:account"))

    def do_confirm(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST, prefix="code")
        if form.is_valid():
            try:
                codes = second_factor.confirm(request.user, form.cleaned_data["code"])
            except second_factor.WrongCode:
                form.add_error(
                    "code", gettext("This is not the code that the app shows now. Enter the newest one.")
                )
            else:
                messages.success(request, gettext("The second factor is on. Save the recovery codes."))
                request.session.pop(MUST_SET_UP, None)
                return self.show(new_codes=codes)
        return self.show(code_form=dress(form))

    def do_codes(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.user, request.POST, prefix="codes")
        if not second_factor.has_one(request.user) or not form.is_valid():
            return self.show(codes_form=dress(form))
        return self.show(new_codes=second_factor.new_codes(request.user))

    def do_off(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.user, request.POST, prefix="off")
        if not form.is_valid():
            return self.show(off_form=dress(form))
        second_factor.switch_off(request.user)
        return self._back(gettext("The second factor is off."))

    def do_password(self, request: HttpRequest) -> HttpResponse:
        form = OwnPasswordForm(request.user, request.POST, prefix="password")
        if not form.is_valid():
            return self.show(password_form=dress(form))
        user = form.save()
        audit.record("user.password", user)
        update_session_auth_hash(request, user)
        end_sessions(user.pk, keep=request.session.session_key or "")
        return self._back(gettext("Password changed. All other sessions were signed out."))

    def do_language(self, request: HttpRequest) -> HttpResponse:
        form = LanguageForm(request.POST, prefix="language")
        if not form.is_valid():
            return self.show(language_form=dress(form))
        language.choose(request, form.cleaned_data["language"])
        return self._back(gettext("Language saved."))

    def do_end(self, request: HttpRequest) -> HttpResponse:
        """Sign out one session (`session`), or all but this one."""
        number, user_id = request.POST.get("session", ""), cast(User, request.user).pk
        keep = request.session.session_key or ""
        rows = {row.name_in_form: row.session_key for row in UserSession.objects.filter(user=user_id)}
        if number and number not in rows:
            raise Http404(gettext("This session has ended already."))
        count = end_sessions(user_id, keep=keep, only=rows.get(number, ""))
        audit.record("user.sessions_ended", request.user)  # type: ignore[arg-type]
        return self._back(
            ngettext("%d session was signed out.", "%d sessions were signed out.", count) % count
        )


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = SecurityPolicy
        fields = ("second_factor",)


class Security(Page):
    """What owners require of everybody who signs in."""

    title = _("Sign-in rules")
    permission = "auth.change_group"
    template_name = "oms/security.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(form=dress(PolicyForm(instance=SecurityPolicy.current())))

    def post(self, request: HttpRequest) -> HttpResponse:
        row = SecurityPolicy.current()
        before = audit.snapshot(row, ("second_factor",))
        form = PolicyForm(request.POST, instance=row)
        if not form.is_valid():
            return self.render(form=dress(form))
        row = form.save()
        if changes := audit.difference(before, audit.snapshot(row, ("second_factor",))):
            audit.record("changed", row, changes)
        messages.success(request, gettext("Sign-in rules saved."))
        return HttpResponseRedirect(reverse("admin:security"))


add(("account/", Account, "account"), ("settings/sign-in/", Security, "security"))
