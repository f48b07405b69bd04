"""Registrations of the kit: its checks, and the jobs of the lists."""

from __future__ import annotations

from oms.kit import doctor, jobs, problems
from oms.kit.admin import actions, export


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    doctor.register("constraints_in_database", doctor.constraints_are_there)
    doctor.register("rows_obey_constraints", doctor.rows_obey)
    doctor.register("problems_are_declared", problems.codes_are_declared)
    jobs.register(export.JOB, export.work)
    jobs.register(actions.JOB, actions.work)
