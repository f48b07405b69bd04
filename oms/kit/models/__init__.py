"""The tables of the kit: jobs, problems, audit log, saved views, used forms; leases are a mixin for other tables."""

from oms.kit.models.people import PersonSettings
from oms.kit.models.tables import (
    AuditEntry,
    Job,
    JobQuerySet,
    ListView,
    Problem,
    ProblemQuerySet,
    SecurityPolicy,
    UsedForm,
    UserSession,
)

__all__ = [
    "AuditEntry",
    "Job",
    "JobQuerySet",
    "ListView",
    "PersonSettings",
    "Problem",
    "ProblemQuerySet",
    "SecurityPolicy",
    "UsedForm",
    "UserSession",
]
