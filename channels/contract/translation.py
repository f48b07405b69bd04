"""Translation functions for modules that must not import Django: their messages are translatable too."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_lazy, ngettext

__all__ = ["gettext", "gettext_lazy", "ngettext"]
