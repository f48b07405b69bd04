from django.utils.translation import gettext_lazy as _

from oms.kit.app_config import RegisteringAppConfig


class KitConfig(RegisteringAppConfig):
    name = "oms.kit"
    label = "kit"
    verbose_name = _("Work")
