from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class InventoryConfig(app_config.RegisteringAppConfig):
    name = "inventory"
    verbose_name = _("Inventory")
