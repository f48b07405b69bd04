"""Send a message by e-mail. The outcome says whether it was sent, certainly not sent, or perhaps sent."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.translation import gettext as _

from channels.ops.alerts.messages import Line, subject_of, text_of
from channels.ops.alerts.outcomes import Outcome, failed, perhaps, retry, sent
from channels.ops.alerts.people import Person

#: A backend that sends nothing: it writes the messages to the log.
CONSOLE = "django.core.mail.backends.console.EmailBackend"
PERMANENT = 500  # SMTP codes from here on are final refusals


def is_written_to_log() -> bool:
    """Whether this installation sends no e-mail but writes it to the log (`EMAIL_URL` is not set)."""
    return str(settings.EMAIL_BACKEND) == CONSOLE


def send(person: Person, lines: Sequence[Line]) -> Outcome:
    """Send these alerts to a person's address, in one message, and return the outcome.

    A server that cannot be reached, or refuses for the moment, is tried again; an address that is refused for good is not.
    """
    message = EmailMessage(
        subject=" ".join(subject_of(lines).split()),
        body=text_of(lines, person.settings),
        to=[person.user.email],
        # So that holiday replies and mailing systems do not answer.
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    server = get_connection()
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        return retry(_("The mail server cannot be reached: %s") % _words(error))
    try:
        message.connection = server
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [int(reply[0]) for reply in error.recipients.values()]
        text = _("The mail server refused the address %s.") % person.user.email
        return failed(text) if codes and min(codes) >= PERMANENT else retry(text)
    except smtplib.SMTPResponseException as error:
        text = _("The mail server refused the message: %s") % _words(error)
        return failed(text) if error.smtp_code >= PERMANENT else retry(text)
    except (smtplib.SMTPException, OSError) as error:
        return perhaps(_("The connection to the mail server was lost: %s") % _words(error))
    except ValueError as error:  # an address that is none
        return failed(str(error))
    finally:
        _close(server)
    return sent()


def _close(server: object) -> None:
    try:
        server.close()  # type: ignore[attr-defined]
    except (smtplib.SMTPException, OSError):
        return


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__
