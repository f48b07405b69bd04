"""Users and roles, with nothing on the form that a seller does not need."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.accounts import delegation
from oms.accounts.delegation import permissions_in
from oms.accounts.rights import AREAS, every_right, permissions_of, rights_in
from oms.accounts.roles import (
    CATALOGUE_MANAGER,
    ORDER_DESK,
    OWNER,
    READ_ONLY,
    ROLES,
    WAREHOUSE,
    permission_ids,
)
from oms.kit.admin.badges import ago, badge, lines, link
from oms.kit.admin.base import AdminPasswordChangeForm, ModelAdmin, UserChangeForm, UserCreationForm, display

#: Django's words for these are for developers.
WORDS: dict[str, tuple[Any, Any]] = {
    "username": (_("Username"), _("Letters, digits and @ . + - _")),
    "email": (_("E-mail"), ""),
    "is_active": (_("Can sign in"), _("Switch off when a person leaves. The history is kept.")),
    "is_superuser": (_("Full access"), _("For the owner only.")),
    "groups": (_("Roles"), _("See Settings » Roles. Permissions of several roles are added.")),
}

#: The five roles in words, as `docs/roles.md` has them; their rights are `oms.accounts.roles`.
SUMMARIES = {
    OWNER: _("Everything, including stores, credentials, users and roles."),
    CATALOGUE_MANAGER: _(
        "Products, variants, prices, listings, SKU inbox; manual syncs; retries or skips messages, retries rejected "
        "records, exports both and jobs. Sees stock and orders. Exports products, SKUs, listings, stock and movements."
    ),
    ORDER_DESK: _(
        "Orders: approve, release, hold, cancel, map SKUs, notes, export; manual syncs; retries or skips messages, "
        "retries rejected records, exports both and jobs. Sees catalogue and stock."
    ),
    WAREHOUSE: _(
        "Stock: adjust. Orders: pack, make ready, tracking, manifests. Sees the catalogue. Exports stock and movements."
    ),
    READ_ONLY: _("Sees orders, catalogue, stock and stores; changes nothing."),
}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """People. What a person may do comes from roles (groups) alone."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "seen")
    list_filter = ("is_active", "groups")
    list_select_related = False
    search_fields = ("=username", "^username", "^email", "^last_name")
    search_help_text = _("Username, e-mail or last name")
    fieldsets = (
        (None, {"fields": ("username", "password_link")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("seen", "created")}),
    )
    readonly_fields = ("password_link", "seen", "created")

    add_fieldsets = ((None, {"fields": ("username", "email", "groups", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> object:  # type: ignore[override]
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":  # a handful: check boxes, not two boxes to move them between
            given = [group.pk for group in delegation.roles_to_give(request.user)]  # type: ignore[arg-type]
            kwargs["queryset"] = Group.objects.filter(pk__in=given).order_by("name")
            kwargs["widget"] = forms.CheckboxSelectMultiple(attrs={"class": "oms-roles"})
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.widget = getattr(
                field.widget, "widget", field.widget
            )  # without the theme's buttons for a new role
        if field is not None and db_field.name in WORDS:
            field.label, field.help_text = WORDS[db_field.name]
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only full access gives full access, and nobody changes their own roles."""
        locked = () if request.user.is_superuser else ("is_superuser",)
        own = ("is_active", "is_superuser", "groups") if obj is not None and obj.pk == request.user.pk else ()
        return tuple(dict.fromkeys((*self.readonly_fields, *locked, *own)))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse changes of people who may do more than the person who asks (the password page asks this too)."""
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or delegation.may_manage(request.user, obj)  # type: ignore[arg-type]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return super().add_view(request, form_url, {"title": _("New user"), **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:
        """Let every new person sign in to the admin; the roles say what they may do in it."""
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)

    @display(description=_("password"))
    def password_link(self, user: User) -> str:
        return link(reverse("admin:auth_user_password_change", args=[user.pk]), _("Change password"))

    @display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return badge(_("Full access"), "primary")
        return lines(badge(group.name, "primary") for group in user.groups.all()) or badge(
            _("No role yet"), "warning"
        )

    @display(description=_("last sign-in"), ordering="last_login")
    def seen(self, user: User) -> str:
        return ago(user.last_login)

    @display(description=_("created"))
    def created(self, user: User) -> str:
        return ago(user.date_joined)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A role of one's own: its name and its rights."""

    #: Who fills the form in; the admin class sets it. The form offers what this person may give.
    actor: ClassVar[Any] = None

    rights = forms.MultipleChoiceField(
        label=_("Permissions"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "oms-rights"}),
    )

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        may = set(delegation.rights_to_give(self.actor, [right.key for right in every_right()]))
        offered = ((a.title, [(r.key, r.label) for r in a.rights if r.key in may]) for a in AREAS)
        self.fields["rights"].choices = [area for area in offered if area[1]]  # type: ignore[attr-defined]
        if self.instance.pk:
            self.initial["rights"] = [right.key for right in rights_in(permissions_in(self.instance))]


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Roles. The five of Manifold are brought up to date after every migration; others are the seller's own."""

    form = RoleForm
    list_display = ("name", "summary", "kind")
    search_fields = ("^name",)
    search_help_text = _("Name")
    may_delete = True
    filter_horizontal = ()
    readonly_fields = ("summary", "granted")

    def audited(self, obj: Group) -> dict[str, Any]:
        """Return a role as the audit log shows it: its rights in words."""
        rights = ", ".join(str(right.label) for right in rights_in(permissions_in(obj)))
        return {"name": obj.name, "permissions": rights}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change, **kwargs)
        return type("RoleForm", (made,), {"actor": request.user})

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """A role of Manifold is shown in words; one of the seller's own is a list of check boxes."""
        return ("name", "summary", "granted") if self._is_ours(obj) else ("name", "rights")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return super().add_view(request, form_url, {"title": _("New role"), **(extra_context or {})})

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        """Give the role the permissions of the rights that were ticked, and no other."""
        super().save_related(request, form, formsets, change)
        form.instance.permissions.set(permission_ids(permissions_of(form.cleaned_data["rights"])))

    @display(description=_("permissions"))
    def summary(self, group: Group) -> str:
        return str(SUMMARIES.get(group.name, "")) or gettext("The permissions that you chose.")

    @display(description=_("in detail"))
    def granted(self, group: Group) -> SafeString:
        """The rights of the role under the headings of the form."""
        held = {right.key for right in rights_in(permissions_in(group))}
        areas = (
            (
                area.title,
                format_html_join("", "<li>{}</li>", ((r.label,) for r in area.rights if r.key in held)),
            )
            for area in AREAS
        )
        parts = format_html_join(
            "",
            '<section class="oms-rights"><h2>{}</h2><ul class="oms-list">{}</ul></section>',
            ((t, items) for t, items in areas if items),
        )
        return format_html('<div class="oms-rights">{}</div>', parts)

    @display(description=_("managed by"))
    def kind(self, group: Group) -> str:
        return badge(_("Manifold OMS"), "primary") if self._is_ours(group) else badge(_("you"))

    @staticmethod
    def _is_ours(group: Group | None) -> bool:
        return group is not None and group.name in ROLES

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Refuse changes of the five roles, which the next migration would undo, and of roles with more rights."""
        return (
            not self._is_ours(obj) and super().has_change_permission(request, obj) and self._may(request, obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Refuse to delete the five roles, which the next migration would create again, and roles with more rights."""
        return (
            not self._is_ours(obj) and super().has_delete_permission(request, obj) and self._may(request, obj)
        )

    @staticmethod
    def _may(request: HttpRequest, group: Group | None) -> bool:
        return group is None or delegation.may_give_role(request.user, group)  # type: ignore[arg-type]
