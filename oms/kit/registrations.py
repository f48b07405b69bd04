"""Registrations of the kit: its checks, the jobs of the lists, and the search."""

from __future__ import annotations

from django.db.models.signals import post_migrate
from django.urls import register_converter

from oms.kit import doctor, problems
from oms.kit.admin import actions
from oms.kit.admin.export import resources as list_exports
from oms.kit.background import jobs
from oms.kit.numbers import KeyConverter
from oms.kit.search import index, page


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    register_converter(KeyConverter, "key")
    doctor.register("constraints_in_database", doctor.constraints_are_there)
    doctor.register("rows_obey_constraints", doctor.rows_obey)
    doctor.register("problems_are_declared", problems.codes_are_declared)
    doctor.register("search_is_indexed", index.is_indexed)
    doctor.register("search_texts_are_true", index.are_true)
    post_migrate.connect(index.after_migrate, dispatch_uid="oms.kit.search")
    page.register()
    jobs.register(list_exports.JOB, list_exports.work)
    jobs.register(actions.JOB, actions.work)
