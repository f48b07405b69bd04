"""My account, passwords, sessions, and what owners require (F-36)."""

from __future__ import annotations

import re
import time

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from oms.accounts import second_factor, sessions
from oms.kit.models import AuditEntry, SecurityPolicy, UserSession
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-36")]

ACCOUNT = "/admin/account/"
PASSWORD = "plum-tractor-window"
LOGIN = "/admin/login/?next=/admin/"


@pytest.fixture
def anna(client: Client) -> User:
    person: User = factories.user("anna", email="anna@example.com")
    person.set_password(PASSWORD)
    person.save()
    person.groups.add(Group.objects.get(name="Warehouse"))
    client.force_login(person)
    return person


def code_of(user: User) -> str:
    return str(totp(second_factor.begin(user).bin_key)).zfill(6)


def set_up(client: Client, user: User) -> list[str]:
    client.get(ACCOUNT)
    text = client.post(ACCOUNT, {"do": "confirm", "code-code": code_of(user)}).content.decode()
    return re.findall(r"<code>(\w{10})</code>", text)


def sign_in(client: Client, **more: str):
    return client.post(LOGIN, {"username": "anna", "password": PASSWORD, **more})


def test_a_person_sets_up_the_second_factor_alone(client, anna):
    text = client.get(ACCOUNT).content.decode()
    assert "<svg" in text
    assert "scan this code" in text
    assert not second_factor.has_one(anna)

    wrong = client.post(ACCOUNT, {"do": "confirm", "code-code": "000000"}).content.decode()
    assert "This is not the code that the app shows now" in wrong
    codes = set_up(client, anna)

    assert second_factor.has_one(anna)
    assert len(set(codes)) == 10
    text = client.get(ACCOUNT).content.decode()
    assert "10 recovery codes are left" in text
    assert codes[0] not in text, "shown once"
    assert "<svg" not in text.partition("Second factor")[2].partition("Sessions")[0]
    visitor = Client()
    assert sign_in(visitor).status_code == 200
    assert sign_in(visitor, otp_token=codes[0]).status_code == 302
    assert sign_in(Client(), otp_token=codes[0]).status_code == 200, "each code works once"


def test_it_is_switched_off_with_the_password_only(client, anna):
    set_up(client, anna)

    assert (
        "This is not your password"
        in client.post(ACCOUNT, {"do": "off", "off-password": "x"}).content.decode()
    )
    assert second_factor.has_one(anna)
    client.post(ACCOUNT, {"do": "off", "off-password": PASSWORD})
    assert not second_factor.has_one(anna)
    assert second_factor.codes_left(anna) == 0
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "author_name")) == [
        ("user.second_factor_on", "anna"),
        ("user.recovery_codes", "anna"),
        ("user.second_factor_off", "anna"),
    ]


def test_new_recovery_codes_replace_the_old_ones(client, anna):
    old = set_up(client, anna)

    text = client.post(ACCOUNT, {"do": "codes", "codes-password": PASSWORD}).content.decode()

    new = re.findall(r"<code>(\w{10})</code>", text)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert second_factor.codes_left(anna) == 10


def test_an_open_set_up_asks_for_no_code_at_the_sign_in(client, anna):
    client.get(ACCOUNT)

    assert TOTPDevice.objects.get().confirmed is False
    assert sign_in(Client()).status_code == 302


def test_sessions_are_listed_and_signed_out(client, anna):
    other, third = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130.0"}), Client()
    for one in (other, third):
        assert sign_in(one).status_code == 302
    text = client.get(ACCOUNT).content.decode()
    assert "Firefox, Linux" in text
    assert "127.0.0.1" in text
    keys = list(UserSession.objects.filter(user=anna).values_list("session_key", flat=True))
    assert len(keys) == 3
    assert not any(key in text for key in keys), "the key of a session alone would sign in"

    name = UserSession.objects.get(session_key=other.session.session_key).name_in_form
    client.post(ACCOUNT, {"do": "end", "session": name})
    assert other.get(ACCOUNT).status_code == 302
    assert third.get(ACCOUNT).status_code == 200
    client.post(ACCOUNT, {"do": "end"})
    assert third.get(ACCOUNT).status_code == 302
    assert client.get(ACCOUNT).status_code == 200


def test_nobody_signs_out_somebody_else(client, anna):
    other = Client()
    other.force_login(factories.user("bert"))
    theirs = UserSession.objects.get(user__username="bert")

    assert client.post(ACCOUNT, {"do": "end", "session": theirs.name_in_form}).status_code == 404
    client.post(ACCOUNT, {"do": "end"})
    assert other.get(ACCOUNT).status_code == 200


def test_a_session_ends_when_it_is_not_used(client, anna, settings):
    assert settings.SESSION_COOKIE_AGE == 240 * 60
    row = UserSession.objects.get(user=anna)
    before = row.expire_date

    session = client.session
    session[sessions.SEEN] = int(time.time()) - 90
    session.save()
    client.get(ACCOUNT)
    row.refresh_from_db()
    assert row.expire_date > before, "a request moves the end"
    UserSession.objects.update(expire_date="2020-01-01T00:00Z")
    assert client.get(ACCOUNT).status_code == 302


def test_a_changed_password_signs_the_other_sessions_out(client, anna):
    """A long password of common words is accepted."""
    other = Client()
    sign_in(other)

    client.post(
        ACCOUNT,
        {
            "do": "password",
            "password-old_password": PASSWORD,
            "password-new_password1": "orchard-candle-river",
            "password-new_password2": "orchard-candle-river",
        },
    )

    anna.refresh_from_db()
    assert anna.check_password("orchard-candle-river")
    assert client.get(ACCOUNT).status_code == 200
    assert other.get(ACCOUNT).status_code == 302
    assert AuditEntry.objects.filter(action="user.password", author_name="anna").count() == 1


@pytest.mark.parametrize(
    "password",
    [
        "Manifold2026",
        "manifold-oms-2026",
        "password1234",
        "short-one",
        "123456789012",
        "anna@example.com",
        "Qwertyuiop12",
    ],
)
def test_common_and_short_passwords_are_refused(anna, password):
    with pytest.raises(ValidationError):
        validate_password(password, anna)


def test_a_forgotten_password_is_set_by_mail(client, anna, settings):
    visitor = Client()
    page = visitor.get("/admin/login/").content.decode()
    assert "Forgot password" in page

    answer = visitor.post("/password/", {"email": "anna@example.com"}, follow=True)
    assert "a mail with a link is on its way" in answer.content.decode()
    [sent] = mail.outbox
    assert sent.to == ["anna@example.com"]
    link = re.search(r"http\S+", str(sent.body))
    assert link is not None
    assert link.group().startswith(settings.OMS_PUBLIC_URL + "/password/"), "never the host of the request"
    form = visitor.get(link.group().removeprefix(settings.OMS_PUBLIC_URL), follow=True)
    done = visitor.post(
        form.redirect_chain[-1][0],
        {"new_password1": "orchard-candle-river", "new_password2": "orchard-candle-river"},
        follow=True,
    )
    assert "Your password was changed" in done.content.decode()
    anna.refresh_from_db()
    assert anna.check_password("orchard-candle-river")
    assert client.get(ACCOUNT).status_code == 302, "old sessions have ended"
    again = visitor.get(link.group().removeprefix(settings.OMS_PUBLIC_URL), follow=True)
    assert "used already or is too old" in again.content.decode()


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client, anna):
    known = Client().post("/password/", {"email": "anna@example.com"}, follow=True).content
    unknown = Client().post("/password/", {"email": "nobody@example.com"}, follow=True).content
    assert known == unknown
    Client().post("/password/", {"email": "ANNA@example.com"})
    assert len(mail.outbox) == 1, "one mail in five minutes"


def test_a_new_password_does_not_replace_the_second_factor(client, anna):
    set_up(client, anna)
    Client().post("/password/", {"email": "anna@example.com"})

    assert len(mail.outbox) == 1
    assert sign_in(Client()).status_code == 200


@pytest.mark.parametrize(
    ("scope", "who"), [("nobody", set()), ("owners", {"owner"}), ("everybody", {"owner", "anna"})]
)
def test_owners_require_the_second_factor(client, anna, django_user_model, scope, who):
    owner = django_user_model.objects.create_superuser("owner", password=PASSWORD)
    by_owner = Client()
    by_owner.force_login(owner)
    by_owner.post(reverse("admin:security"), {"second_factor": scope})
    assert SecurityPolicy.current().second_factor == scope

    for person in (owner, anna):
        fresh = Client()
        fresh.force_login(person)
        must = person.username in who
        home = fresh.get("/admin/")
        assert (home.status_code, home.get("Location", "")) == ((302, ACCOUNT) if must else (200, ""))
        assert fresh.get(ACCOUNT).status_code == 200
        if must:
            assert fresh.post(reverse("admin:stock_adjust"), {}).status_code == 302
            assert len(set_up(fresh, person)) == 10
            assert fresh.get("/admin/").status_code == 200
    client.force_login(anna)
    assert client.get(reverse("admin:security")).status_code in (302, 403)


def test_a_locked_sign_in_says_for_how_many_minutes(anna, settings):
    settings.AXES_ENABLED = True
    visitor = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = visitor.post(LOGIN, {"username": "anna", "password": "wrong"})

    assert answer.status_code == 429
    text = answer.content.decode()
    assert "Sign-in is locked" in text
    assert "Try again in 15 minutes" in text
    assert 840 <= int(answer["Retry-After"]) <= 900
    assert visitor.get("/admin/login/").status_code == 200
