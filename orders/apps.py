from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class OrdersConfig(app_config.RegisteringAppConfig):
    name = "orders"
    verbose_name = _("Orders")
