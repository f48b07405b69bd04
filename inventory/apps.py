from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = _("Inventory")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from catalogue import hooks
        from channels import first_sync, outbox
        from inventory import differences, doctor, offers, opening, push, report, shelves
        from oms.kit import problems

        outbox.register_handler(outbox.Topic.STOCK, push.StockHandler())
        outbox.register_subjects(outbox.Topic.STOCK, push.subjects_of, forget=push.forget_sent)
        hooks.on_imported(opening.imported)
        hooks.on_availability(shelves.availability_changed)
        hooks.register_offered(offers.quantities)
        problems.declare(opening.IN_DOUBT)
        doctor.connect()
        differences.connect()
        first_sync.register_section("stock", report.section)
