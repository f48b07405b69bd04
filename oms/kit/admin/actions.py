"""Bulk actions of a list: buttons for the selected rows, a confirmation, a message with the tab of the rows.

Up to 50 rows are worked in the request; more become a job with one outcome for each row. After an action the list
shows the same page, the rows stay selected, and an action with an `undo` offers it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers, site
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext, override
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.base import dress
from oms.kit.admin.changelist import CHOSEN, TAB, UNDO
from oms.kit.authors.actors import Author, person
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped, whole_number

if TYPE_CHECKING:
    from oms.kit.admin.lists import ListAdmin

#: More rows than this are worked by a job.
AT_ONCE = 50
#: Rows that one action may take.
AT_MOST = 2_000
JOB = "admin.action"
SHOWN_REFUSALS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one row: `message` is the sentence for the person, `label` the row's name, `tab` its tab now.

    `can_undo` False: the undo of the action does not include the row.
    """

    pk: int
    ok: bool
    message: str = ""
    label: str = ""
    tab: str = ""
    can_undo: bool = True


#: Calls a service for these keys: (keys, author, reason) -> one outcome each. Expected errors become outcomes.
Run = Callable[[Sequence[int], Author, str], Sequence[Outcome]]
#: Answers the form of an action: (admin class, request, keys).
Respond = Callable[["ListAdmin", HttpRequest, Sequence[int]], HttpResponse]


@dataclass(frozen=True, slots=True)
class BulkAction:
    """One button for the selected rows.

    `run` calls the service; `permission` is checked for the button and again for the POST. `tabs` limits it to some
    tabs. With `question` or `needs_reason` there is a confirmation; also when `warning` returns a text for the keys. `goes_to` is the tab of the rows afterwards, `undo`
    the name of the action that reverses it; `in_bar` False: it has no button (an undo). `respond` answers the form itself,
    with a page or a file, in the place of `run`. Actions with the same `menu` are in one menu of the bar.
    """

    name: str
    label: Any
    run: Run
    permission: str
    tabs: tuple[str, ...] = ()
    needs_reason: bool = False
    question: Any = ""
    warning: Callable[[Sequence[int]], str] | None = None
    is_dangerous: bool = False
    goes_to: str = ""
    undo: str = ""
    in_bar: bool = True
    respond: Respond | None = None
    menu: Any = ""


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=forms.TextInput)


def django_action(one: BulkAction) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse]:
    """Return the action as the function that Django's `get_actions` and `response_action` expect."""

    def act(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return perform(model_admin, request, queryset, one)

    act.__name__ = one.name
    return act


def perform(
    model_admin: ListAdmin, request: HttpRequest, queryset: QuerySet[Any], one: BulkAction
) -> HttpResponse:
    """Run a posted action: confirm first where needed, work up to 50 rows now, start a job for more."""
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[:AT_MOST])
    if not ids:
        messages.warning(request, gettext("Select at least one row first."))
        return HttpResponseRedirect(request.get_full_path())
    if one.respond is not None:
        return one.respond(model_admin, request, ids)
    form = ReasonForm(request.POST if "confirmed" in request.POST else None)
    if one.needs_reason and not form.is_valid():
        return ask(model_admin, request, one, ids, dress(form))
    if "confirmed" not in request.POST:
        warning = one.warning(ids) if one.warning is not None else ""
        if one.question or warning:
            return ask(model_admin, request, one, ids, None, warning)
    reason = form.cleaned_data["reason"] if one.needs_reason else ""
    if len(ids) > AT_ONCE:
        return HttpResponseRedirect(model_admin.start_action_job(request, one, ids, reason))
    outcomes = list(one.run(ids, person(request.user), reason))
    report(model_admin, request, one, outcomes)
    return HttpResponseRedirect(_back(request, one, ids, outcomes))


def ask(
    model_admin: ListAdmin,
    request: HttpRequest,
    one: BulkAction,
    ids: Sequence[int],
    form: forms.Form | None,
    warning: str = "",
) -> HttpResponse:
    """Return the confirmation: the rows, the question, the warning, and a reason field where the action needs one."""
    is_all = request.POST.get("select_across") == "1"
    lines = [
        model_admin.row_name(row) for row in model_admin.model.objects.filter(pk__in=ids[:10]).order_by("pk")
    ]
    if len(ids) > len(lines):
        lines.append(gettext("and %s more") % grouped(len(ids) - len(lines)))
    hidden: list[tuple[str, Any]] = [
        ("action", one.name),
        ("index", "0"),
        ("select_across", "1" if is_all else "0"),
    ]
    hidden += [(helpers.ACTION_CHECKBOX_NAME, pk) for pk in (ids[:1] if is_all else ids)]
    label = str(one.label)
    question = one.question or ngettext(
        "%(label)s: %(count)d row?", "%(label)s: %(count)d rows?", len(ids)
    ) % {
        "label": label,
        "count": len(ids),
    }
    context = {
        **model_admin.admin_site.each_context(request),
        "title": label,
        "page": model_admin,
        "crumbs": [(model_admin.list_title(), request.get_full_path()), (label, "")],
        "question": " ".join(filter(None, [warning, str(question)])),
        "button": f"{label} {len(ids):,}",
        "back": request.get_full_path(),
        "lines": lines,
        "is_dangerous": one.is_dangerous,
        "form": form,
        "hidden": hidden,
    }
    return TemplateResponse(request, "oms/confirm.html", context)


def rows_done(count: int) -> str:
    """Return the number of rows for a message: "13 rows"."""
    return ngettext("%s row", "%s rows", count) % grouped(count)


def report(
    model_admin: ListAdmin, request: HttpRequest, one: BulkAction, outcomes: Sequence[Outcome]
) -> None:
    """Add messages for the result: how many rows, their tab now (a link that selects them), each refusal."""
    done = [outcome for outcome in outcomes if outcome.ok]
    if done:
        sentences = sorted({outcome.message for outcome in done if outcome.message})[:2]
        text = model_admin.done_text(one, len(done))
        where = _where(model_admin, request, one, done)
        messages.success(
            request, format_html_join(" ", "{}", ((part,) for part in [text, *sentences, *where]))
        )
    refused = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in refused[:SHOWN_REFUSALS]:
        messages.error(request, f"{outcome.label or outcome.pk}: {outcome.message}")
    if len(refused) > SHOWN_REFUSALS:
        messages.error(request, gettext("%d more rows were not changed.") % (len(refused) - SHOWN_REFUSALS))


def _where(
    model_admin: ListAdmin, request: HttpRequest, one: BulkAction, done: Sequence[Outcome]
) -> list[SafeString]:
    labels = {tab.key: tab.label for tab in model_admin.tabs}
    found = []
    for key, count in Counter(outcome.tab or one.goes_to for outcome in done).items():
        if key not in labels:
            continue
        ids = ",".join(str(outcome.pk) for outcome in done if (outcome.tab or one.goes_to) == key)
        words = gettext("→ %(count)d now in %(tab)s") % {"count": count, "tab": labels[key]}
        found.append(
            format_html('<a href="{}?{}={}&amp;{}={}">{}</a>', request.path, TAB, key, CHOSEN, ids, words)
        )
    return found


def _back(request: HttpRequest, one: BulkAction, ids: Sequence[int], outcomes: Sequence[Outcome]) -> str:
    """Return the address of the same page of the list, with the rows selected and the undo of the action."""
    query = request.GET.copy()
    query[CHOSEN] = ",".join(map(str, ids))
    query.pop(UNDO, None)
    done = [str(outcome.pk) for outcome in outcomes if outcome.ok and outcome.can_undo]
    if one.undo and done:
        query[UNDO] = f"{one.name}:{','.join(done)}"
    return f"{request.path}?{query.urlencode(safe=',:')}"


def keys_in(text: str) -> list[int]:
    """Return the keys in "12,13", at most 2,000; parts that are not keys are ignored."""
    return [pk for part in text.split(",")[:AT_MOST] if (pk := whole_number(part)) is not None]


@dataclass(frozen=True, slots=True)
class Undo:
    """The undo of the last action; `url` is the address that its form posts to."""

    label: str
    name: str
    ids: list[int]
    url: str


def undo_of(model_admin: ListAdmin, request: HttpRequest) -> Undo | None:
    """Return the undo that the parameter `undo` names; None where there is none or the person may not do it."""
    name, _colon, keys = request.GET.get(UNDO, "").partition(":")
    by_name = {one.name: one for one in model_admin.bulk_actions}
    done = by_name.get(name)
    undo = by_name.get(done.undo) if done else None
    ids = keys_in(keys)
    if done is None or undo is None or not ids or not request.user.has_perm(undo.permission):
        return None
    url = f"{request.path}?{TAB}={done.goes_to}" if done.goes_to else request.path
    label = gettext("Undo “%(action)s” for %(rows)s") % {"action": done.label, "rows": rows_done(len(ids))}
    return Undo(label, undo.name, ids, url)


def start_job(
    model_admin: ListAdmin, request: HttpRequest, one: BulkAction, ids: Sequence[int], reason: str
) -> str:
    """Start a job that works the rows; return the address of its page."""
    job = jobs.start(
        kind=JOB,
        title=gettext("%(action)s: %(rows)s") % {"action": one.label, "rows": rows_done(len(ids))},
        params={
            "admin": model_admin.opts.label_lower,
            "action": one.name,
            "ids": list(ids),
            "reason": reason,
            "author": request.user.pk,
            "language": get_language() or "",
        },
        total=len(ids),
        author=request.user,
    )
    return reverse(f"admin:{model_admin.name_of('job')}", args=[job.pk])


def work(job: Job) -> bool:
    """Work one slice of an action; return whether more rows are left.

    A row that a killed worker had worked already is refused by the service, so nothing is done twice.
    """
    from django.apps import apps

    model_admin = site.get_model_admin(apps.get_model(job.params["admin"]))
    one = next((a for a in model_admin.bulk_actions if a.name == job.params["action"]), None)  # type: ignore[attr-defined]
    if one is None:
        raise jobs.JobFailed(gettext("This action no longer exists."))
    author = job.author
    if author is None or not author.is_active or not author.has_perm(one.permission):
        raise jobs.JobFailed(gettext("Your role does not allow this."))
    ids: list[int] = job.params["ids"]
    part = ids[job.done : job.done + AT_ONCE]
    stored: list[list[Any]] = job.result.setdefault("rows", [])
    del stored[job.done :]  # rows of this slice that a killed worker had stored
    with override(job.params["language"] or None):
        found = {outcome.pk: outcome for outcome in one.run(part, person(author), job.params["reason"])}
        deleted = gettext("This row no longer exists.")
        for pk in part:
            outcome = found.get(pk, Outcome(pk, False, deleted))
            stored.append([pk, outcome.ok, outcome.message, outcome.label])
    refused = [row for row in stored if not row[1]]
    job.result["outcomes"] = [f"{label or pk}: {message}" for pk, _ok, message, label in refused[:200]]
    jobs.report_or_stop(job, done=job.done + len(part), refused=len(refused), result=job.result)
    job.message = f"{one.label}: {rows_done(len(stored) - len(refused))}."
    return job.done < len(ids)
