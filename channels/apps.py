from django.utils.translation import gettext_lazy as _

from oms.kit.app_config import RegisteringAppConfig


class ChannelsConfig(RegisteringAppConfig):
    name = "channels"
    verbose_name = _("Integrations")
