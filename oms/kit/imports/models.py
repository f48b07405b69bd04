"""Tables: an import of a file, its checked rows, the change set that undoes it, and saved column mappings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from oms.kit.authors.actors import Author
from oms.kit.models import Job


class SheetImport(models.Model):
    """One file that a person or a command gave, from its upload to the last row that was applied.

    `reading` has what was found in the file (sheet, heading row, encoding, headings, notes), `mapping` which heading is
    which field ("" leaves a column out), `counts` the rows of each action and `falls` the large changes that need a second
    yes. The stored file and the checked rows are deleted after some time (`services.prune`); this row stays.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        APPLYING = "applying", _("Being applied")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("kind"), max_length=40)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.UPLOADED)
    file_name = models.CharField(_("file"), max_length=255)
    stored_as = models.CharField(max_length=80, blank=True, help_text=_("Empty when the file was deleted."))
    size = models.PositiveBigIntegerField(_("size"), default=0)
    sha256 = models.CharField(max_length=64)
    sheet = models.CharField(_("sheet"), max_length=100, blank=True)
    header_row = models.PositiveIntegerField(_("heading row"), null=True, blank=True)
    mapping = models.JSONField(null=True, blank=True)
    options = models.JSONField(default=dict, blank=True)
    all_or_nothing = models.BooleanField(_("all rows or none"), default=False)
    reading = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    falls = models.JSONField(default=dict, blank=True)
    message = models.CharField(_("message"), max_length=500, blank=True)
    language = models.CharField(max_length=10, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    actor_kind = models.CharField(max_length=10, default="system")
    actor = models.CharField(_("by"), max_length=60, default="system")
    job = models.ForeignKey(
        Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("job")
    )
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "uploaded",
                        "checking",
                        "checked",
                        "applying",
                        "done",
                        "cancelled",
                        "failed",
                    ]
                ),
                name="sheet_import_state",
            ),
        )
        indexes = (
            models.Index(fields=["kind", "sha256"], name="sheet_import_file"),
            models.Index(fields=["created_at"], name="sheet_import_created"),
        )

    def __str__(self) -> str:
        return self.file_name

    @property
    def by(self) -> Author:
        """The person or the command that gave the file."""
        return Author(self.actor_kind, self.author_id, self.actor)

    def count(self, action: str) -> int:
        """Return how many rows have this action: created, updated, unchanged or rejected."""
        return int(self.counts.get(action, 0))


class StagedRow(models.Model):
    """One checked row of a file: what it will change, or why it is rejected. `row` is its number in the spreadsheet.

    An unchanged row without a remark has no row here: it is only counted. `rows` are more rows of the file that belong to
    it. `changes` is a list of [field, old, new] as a person reads it, `data` what the parts need to apply and undo it.
    """

    class Action(models.TextChoices):
        CREATED = "created", _("New")
        UPDATED = "updated", _("Changed")
        UNCHANGED = "unchanged", _("Unchanged")
        REJECTED = "rejected", _("Rejected")

    class State(models.TextChoices):
        STAGED = "staged", _("Checked")
        APPLIED = "applied", _("Applied")
        REFUSED = "refused", _("Not applied")
        UNDONE = "undone", _("Undone")
        KEPT = "kept", _("Not undone")

    sheet_import = models.ForeignKey(SheetImport, on_delete=models.CASCADE, related_name="staged")
    row = models.PositiveIntegerField(_("row"))
    part = models.PositiveIntegerField(
        default=0, help_text=_("Counts the things that one row of a file is about.")
    )
    rows = models.JSONField(default=list, blank=True)
    chunk = models.PositiveIntegerField(default=0, help_text=_("Rows of one chunk are applied together."))
    action = models.CharField(_("action"), max_length=9, choices=Action.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.STAGED)
    name = models.CharField(_("what"), max_length=255, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    changes = models.JSONField(default=list, blank=True)
    remarks = models.JSONField(default=list, blank=True)
    data = models.JSONField(default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("checked row")
        verbose_name_plural = _("checked rows")
        ordering = ("row", "part")
        constraints = (
            models.UniqueConstraint(fields=["sheet_import", "row", "part"], name="staged_row_once"),
            models.CheckConstraint(
                condition=~Q(action="rejected") | Q(state="staged"), name="staged_rejected_not_applied"
            ),
        )
        indexes = (
            models.Index(fields=["sheet_import", "action", "row"], name="staged_action"),
            models.Index(fields=["sheet_import", "state", "chunk"], name="staged_chunk"),
        )

    def __str__(self) -> str:
        return f"{self.row}: {self.name}"


class ChangeSet(models.Model):
    """What one import changed: who, when, which file. It is undone row by row, where nothing changed since."""

    class State(models.TextChoices):
        APPLIED = "applied", _("Applied")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")
        PARTLY = "partly", _("Partly undone")

    sheet_import = models.OneToOneField(SheetImport, on_delete=models.CASCADE, related_name="change_set")
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.APPLIED)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor = models.CharField(_("by"), max_length=60, default="system")
    at = models.DateTimeField(_("when"), default=timezone.now)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_actor = models.CharField(_("undone by"), max_length=60, blank=True)
    undone_actor_kind = models.CharField(max_length=10, blank=True)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("change set")
        verbose_name_plural = _("change sets")
        ordering = ("-id",)

    def __str__(self) -> str:
        return str(self.sheet_import)


class ColumnMapping(models.Model):
    """A saved mapping of columns to fields. It is used by itself for files with the same headings, and by its name.

    `headings` is the digest of the set of headings (`mappings.digest_of`).
    """

    kind = models.CharField(_("kind"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    headings = models.CharField(max_length=64)
    mapping = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    saved_at = models.DateTimeField(_("saved"), default=timezone.now)

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        ordering = ("kind", "name")
        constraints = (
            models.UniqueConstraint(fields=["kind", "headings"], name="column_mapping_once"),
            models.UniqueConstraint(fields=["kind", "name"], name="column_mapping_name"),
        )

    def __str__(self) -> str:
        return self.name

    def as_dict(self) -> dict[str, Any]:
        """Return heading → field key; "" leaves a column out."""
        return dict(self.mapping)
