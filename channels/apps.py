from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class ChannelsConfig(app_config.RegisteringAppConfig):
    name = "channels"
    verbose_name = _("Integrations")
