from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class CatalogueConfig(app_config.RegisteringAppConfig):
    name = "catalogue"
    verbose_name = _("Catalogue")
