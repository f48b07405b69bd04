from django.utils.translation import gettext_lazy as _

from oms.kit.app_config import RegisteringAppConfig


class InventoryConfig(RegisteringAppConfig):
    name = "inventory"
    verbose_name = _("Inventory")
