from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KitConfig(AppConfig):
    name = "oms.kit"
    label = "kit"
    verbose_name = _("Work")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from oms.kit import constraint_checks, doctor, jobs, problems
        from oms.kit.admin import actions, export

        doctor.register("constraints_in_database", constraint_checks.constraints_are_there)
        doctor.register("rows_obey_constraints", constraint_checks.rows_obey)
        doctor.register("problems_are_declared", problems.codes_are_declared)
        jobs.register(export.JOB, export.work)
        jobs.register(actions.JOB, actions.work)
