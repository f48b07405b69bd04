"""What a person has chosen for themselves."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class PersonSettings(models.Model):
    """The choices of one person. `language` "": the language of the browser, and of the installation in mails."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    language = models.CharField(_("language"), max_length=10, blank=True)

    class Meta:
        verbose_name = _("settings of a person")
        verbose_name_plural = _("settings of people")

    def __str__(self) -> str:
        return self.language

    @classmethod
    def language_of(cls, user_id: int | None) -> str:
        """Return the language code that a person (id) has chosen; "" for none."""
        row = cls.objects.filter(pk=user_id).values_list("language", flat=True).first()
        return row if row in dict(settings.LANGUAGES) else ""
