from django.utils.translation import gettext_lazy as _

from oms.kit.app_config import RegisteringAppConfig


class OrdersConfig(RegisteringAppConfig):
    name = "orders"
    verbose_name = _("Orders")
