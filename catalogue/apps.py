from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogueConfig(AppConfig):
    name = "catalogue"
    verbose_name = _("Catalogue")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from catalogue import doctor, faults, ingest, listing_push, lists, push, report, switching
        from channels import first_sync, in_use
        from channels.base import Stream
        from channels.streams import register_sink
        from oms.kit import problems

        register_sink(Stream.CATEGORIES, lists.categories)
        register_sink(Stream.BRANDS, lists.brands)
        register_sink(Stream.ATTRIBUTES, lists.attributes)
        register_sink(Stream.PRODUCTS, ingest.products)
        in_use.register(in_use.BRANDS, lists.brands_in_use)
        in_use.register(in_use.CATEGORIES, lists.categories_in_use)
        problems.declare(*faults.CODES)
        push.connect()
        listing_push.connect()
        switching.connect()
        doctor.register()
        first_sync.register_section("products", report.section)
