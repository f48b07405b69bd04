"""Automation rules, and to which orders each was applied."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.order import Order


class OrderRule(models.Model):
    """One rule: when an order arrives or changes and the conditions hold, the actions are carried out (R-PLUS-19).

    `conditions` are `{"field", "op", "value"}`, `actions` `{"kind", "value"}`, as `orders.domain.rules` describes them.
    """

    class When(models.TextChoices):
        """The events that a rule is checked for."""

        BOTH = "both", _("An order arrives or changes")
        ARRIVED = "arrived", _("An order arrives")
        CHANGED = "changed", _("An order changes")

    class Match(models.TextChoices):
        """How many of the conditions must hold."""

        ALL = "all", _("All conditions")
        ANY = "any", _("At least one condition")

    name = models.CharField(_("name"), max_length=80, unique=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("switched on"), default=False)
    when = models.CharField(_("when"), max_length=8, choices=When.choices, default=When.BOTH)
    match = models.CharField(
        _("conditions that must hold"), max_length=3, choices=Match.choices, default="all"
    )
    conditions = models.JSONField(_("conditions"), default=list, blank=True)
    actions = models.JSONField(_("actions"), default=list, blank=True)
    stops = models.BooleanField(_("stop after this rule"), default=False)
    version = models.PositiveIntegerField(_("version"), default=1)
    fault = models.CharField(_("fault"), max_length=300, blank=True)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name


class RuleState(models.Model):
    """One row: `version` is another text after each change of the rules, and "" while none is switched on."""

    version = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return self.version


class RuleApplication(models.Model):
    """A rule was applied to an order: once for each order, whatever happens to it (R-PLUS-19)."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="rules_applied", db_index=False)
    rule = models.ForeignKey(OrderRule, null=True, on_delete=models.SET_NULL, related_name="applications")
    rule_name = models.CharField(max_length=80)
    rule_version = models.PositiveIntegerField()
    event = models.CharField(max_length=8, choices=OrderRule.When.choices)
    effects = models.JSONField(default=dict, help_text=_("What it set, by the kind of action."))
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("applied rule")
        verbose_name_plural = _("applied rules")
        ordering = ("order", "id")
        constraints = (models.UniqueConstraint(fields=["order", "rule"], name="rule_once_an_order"),)

    def __str__(self) -> str:
        return f"{self.rule_name} ({self.rule_version})"
