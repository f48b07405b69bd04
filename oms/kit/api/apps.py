"""The app of API keys and stored answers."""

from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class ApiConfig(app_config.RegisteringAppConfig):
    name = "oms.kit.api"
    label = "api"
    verbose_name = _("API")
