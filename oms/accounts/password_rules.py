"""Refuse passwords that a guesser tries first: a common word with figures or signs around it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

#: Words of this product and of its trade, beside Django's 20,000 common passwords.
WORDS = frozenset(
    "manifold manifoldoms warehouse orders orderdesk bigcommerce opencart onbuy etsy welcome company admin administrator".split()
)


class GuessableValidator(CommonPasswordValidator):
    """Compare the letters of a password alone: "Manifold2026" is "manifold", "P4ssword-1234!" is "password"."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise `ValidationError` when the letters are one common password, or a word of this product."""
        text = password.lower().translate(str.maketrans("401357$@", "aoiestsa"))
        found = {re.sub(r"[^a-z]", "", word) for word in (password.lower(), text)}
        if any(letters in self.passwords or letters in WORDS or len(set(letters)) < 4 for letters in found):
            raise ValidationError(
                _("This password is easy to guess. Use several words that do not belong together."),
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return _("Use several words that do not belong together, not one word with figures.")
