from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class KitConfig(app_config.RegisteringAppConfig):
    name = "oms.kit"
    label = "kit"
    verbose_name = _("Work")
