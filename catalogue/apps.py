from django.utils.translation import gettext_lazy as _

from oms.kit.app_config import RegisteringAppConfig


class CatalogueConfig(RegisteringAppConfig):
    name = "catalogue"
    verbose_name = _("Catalogue")
