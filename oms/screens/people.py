"""Users and roles in the house's look, with nothing on the form that a seller does not need."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import (
    AdminPasswordChangeForm,
    ModelAdmin,
    UserChangeForm,
    UserCreationForm,
    ago,
    badge,
    display,
    lines,
)
from oms.screens.roles import ROLES

admin.site.unregister(User)
admin.site.unregister(Group)


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
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("What this person may do"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> object:  # type: ignore[override]
        return super().get_queryset(request).prefetch_related("groups")

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

    list_display = ("name", "kind")
    search_fields = ("^name",)
    may_delete = True

    @display(description=_("kept by"))
    def kind(self, group: Group) -> str:
        return badge(_("Manifold OMS"), "primary") if group.name in ROLES else badge(_("your house"))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """What is kept up to date by itself is not edited: the next migration would undo it."""
        return (obj is None or obj.name not in ROLES) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return (obj is None or obj.name not in ROLES) and super().has_delete_permission(request, obj)
