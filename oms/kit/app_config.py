"""The base of our app configurations."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig


class RegisteringAppConfig(AppConfig):
    """An app that registers with others: `<app>.registrations.connect()` runs once, when all apps are loaded.

    The module is imported by name, because models can be imported only after Django has loaded the apps.
    """

    default_auto_field = "django.db.models.BigAutoField"
    #: An `apps` module names two classes, this one and its own; Django takes a class by itself only if it is the only
    #: one that does not say False, and would use a plain `AppConfig` (nothing is registered) otherwise.
    default = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default = True

    def ready(self) -> None:
        import_module(f"{self.name}.registrations").connect()
