"""Users and roles in the house's look, with nothing on the form that a seller does not need."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from oms.admin.roles import CATALOGUE_MANAGER, ORDER_DESK, OWNER, READ_ONLY, ROLES, WAREHOUSE
from oms.kit.admin.badges import ago, badge, lines
from oms.kit.admin.base import AdminPasswordChangeForm, ModelAdmin, UserChangeForm, UserCreationForm, display

#: Django's words for these are for developers.
WORDS = {
    "username": (_("Username"), _("Letters, digits and @ . + - _")),
    "is_active": (_("May sign in"), _("Switch it off when somebody leaves: the person's history stays.")),
    "is_superuser": (_("May do everything"), _("Whatever the roles below say. For the owner of the house.")),
    "groups": (_("Roles"), _("What a role allows is shown under Settings » Roles. Several add up.")),
}

#: The five roles in words, as `docs/roles.md` has them; their permissions are `oms.admin.roles`.
MAY = {
    OWNER: _("Everything, including stores, credentials, users and roles."),
    CATALOGUE_MANAGER: _(
        "Products, variants, prices, listings, SKU problems; manual syncs; retries or skips messages and refused "
        "records. Sees stock and orders."
    ),
    ORDER_DESK: _(
        "Orders: approve, release, hold, cancel, map SKUs, notes; manual syncs; retries or skips messages and "
        "refused records. Sees catalogue and stock."
    ),
    WAREHOUSE: _("Stock: adjust. Orders: pack, make ready, tracking, manifests. Sees the catalogue."),
    READ_ONLY: _("Sees orders, catalogue, stock and stores; changes nothing."),
}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """People. A person's roles are groups; single permissions are left to those who need them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "seen")
    list_filter = ("is_active", "groups")
    list_select_related = False
    search_fields = ("=username", "^username", "^email", "^last_name")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("What this person may do"), {"fields": ("is_active", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    add_fieldsets = (
        (None, {"fields": ("username", "email", "groups", "usable_password", "password1", "password2")}),
    )

    def get_queryset(self, request: HttpRequest) -> object:  # type: ignore[override]
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":  # a handful: ticked, not carried from one box to another
            kwargs["widget"] = forms.CheckboxSelectMultiple(attrs={"class": "oms-roles"})
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in WORDS:
            field.label, field.help_text = WORDS[db_field.name]
        return field

    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:
        """Everybody here signs in to this house; what they may do there is their roles' business."""
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)

    @display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return badge(_("Everything"), "primary")
        return lines(badge(group.name, "primary") for group in user.groups.all()) or badge(
            _("No role yet"), "warning"
        )

    @display(description=_("last sign-in"), ordering="last_login")
    def seen(self, user: User) -> str:
        return ago(user.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Roles. The five of the house are kept up to date after every migration; others are the seller's own."""

    list_display = ("name", "may", "kind")
    search_fields = ("^name",)
    may_delete = True

    readonly_fields = ("may",)

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """A role of the house is said in words; one of the seller's own is its permissions."""
        return ("name", "may") if obj is not None and obj.name in ROLES else ("name", "permissions")

    @display(description=_("may"))
    def may(self, group: Group) -> str:
        return str(MAY.get(group.name, "")) or _t("What its permissions say.")

    @display(description=_("kept by"))
    def kind(self, group: Group) -> str:
        return badge(_("Manifold OMS"), "primary") if group.name in ROLES else badge(_("your house"))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """What is kept up to date by itself is not edited: the next migration would undo it."""
        return (obj is None or obj.name not in ROLES) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return (obj is None or obj.name not in ROLES) and super().has_delete_permission(request, obj)
