"""The base of the app configurations."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class RegisteringAppConfig(AppConfig):
    """An app that registers with others: `<app>.registrations.connect()` runs once, when all apps are loaded.

    The module is imported by name, because models can be imported only after Django has loaded the apps. An `apps`
    module imports this module and not the class: Django uses every configuration that it finds in an `apps` module.
    """

    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module(f"{self.name}.registrations").connect()
