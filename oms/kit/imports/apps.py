from django.utils.translation import gettext_lazy as _

from oms.kit import app_config


class ImportsConfig(app_config.RegisteringAppConfig):
    name = "oms.kit.imports"
    label = "imports"
    verbose_name = _("Excel")
