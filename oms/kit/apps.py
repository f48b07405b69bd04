from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KitConfig(AppConfig):
    name = "oms.kit"
    label = "kit"
    verbose_name = _("Work")
    default_auto_field = "django.db.models.BigAutoField"
