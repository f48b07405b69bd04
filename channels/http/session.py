# long because: every step of one request, and the sentence for each way in which it can fail.
"""The session for all requests to channels: time-outs, errors, rate limit, redacted call log, no private addresses.

A call returns an `Answer` or raises one of the five errors of `channels.contract.errors`; no module above this one uses a
status code. `repeatable` says whether a call that was perhaps carried out may be made again: if not, a missing answer is
`Uncertain`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.utils import timezone
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, NewConnectionError

from channels.contract.errors import ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.http import app_quota, call_log, pinned, rate_limit, redaction, ssrf
from channels.http import deadline as http_deadline
from channels.http.response import Answer, Classify, Params, default_error, retry_after
from channels.models import CallLog, Connection

MAX_ANSWER = 12 * 1024 * 1024  # bytes, decompressed
MAX_HEADER = 4096  # characters of a header's value; the rest is cut
MAX_COOKIES = 50  # of one session
TOTAL_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3.0  # that a call waits for the rate limit of its store before it raises `RateLimited`
USER_AGENT = "ManifoldOMS/1 (+order management)"
_NO_TIME = 0.001  # seconds, for a request whose block has no time left: it fails at once
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_HOPS = 3

__all__ = ["Answer", "ChannelSession", "Classify", "Params", "default_error", "retry_after"]

#: In OpenSSL's words: what answered was not TLS, so there is no certificate to judge.
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")

_sleep = time.sleep


class _PinnedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pinned.POOLS


class ChannelSession:
    """The calls of one store: cookies are stored, no proxies or netrc of the machine, redirects only within the host."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._session = requests.Session()
        self._session.trust_env = False
        self.longest_answer = MAX_ANSWER
        self._session.headers["User-Agent"] = USER_AGENT
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _PinnedAdapter(max_retries=0))

    @property
    def label(self) -> str:
        """The name of the store in messages."""
        return self.connection.name or urlsplit(self.connection.url).hostname or self.connection.channel

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _secrets(self) -> tuple[str, ...]:
        # Read again for each call: a token may have been refreshed since the last one.
        try:
            public = [f.name for f in self.connection.spec.credential_fields if not f.is_secret]
        except LookupError:
            public = []
        return redaction.secret_values(
            {
                **self.connection.credentials,
                **{f"hook_{k}": v for k, v in self.connection.webhook_secret.items()},
            },
            public,
        )

    def call(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        repeatable: bool,
        classify: Classify | None = None,
        timeout: tuple[float, float] = (5, 30),
        total: float = TOTAL_SECONDS,
    ) -> Answer:
        """Make one request and return its answer, or raise one of the five errors.

        `timeout` is (connecting, waiting for the next bytes), `total` limits the whole call; in seconds. `classify`
        replaces the default table of errors for its channel; it returns None for a good answer. A block
        `deadline.at_most` shortens both.
        """
        self._take_request(method.upper())
        request = requests.Request(method, url, params=_pairs(params), headers=dict(headers or {}), data=body)
        for _hop in range(_MAX_HOPS + 1):
            answer = self._exchange(request, repeatable=repeatable, timeout=timeout, total=total)
            target = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
            if not target:
                break
            self._check_redirect(answer.url, target, method, classify, answer)
            request = requests.Request(method, urljoin(answer.url, target), headers=dict(headers or {}))
        else:
            raise self._clean(
                Rejected(_("%s redirects without end. Check the address of the store.") % self.label)
            )
        return self._judge(answer, repeatable=repeatable, classify=classify)

    def correct_budget(
        self,
        *,
        remaining: float | None = None,
        capacity: float | None = None,
        per_second: float | None = None,
        wait: float | None = None,
        full_in: float | None = None,
    ) -> None:
        """Set the store's rate limit to the values of the channel's headers; see `rate_limit.correct`."""
        if self.connection.pk:
            rate_limit.correct(
                self.connection.pk,
                remaining=remaining,
                capacity=capacity,
                per_second=per_second,
                wait=wait,
                full_in=full_in,
            )

    def correct_quota(
        self, *, left_today: int, per_day: int | None = None, per_second: float | None = None
    ) -> None:
        """Set the quota of the store's application to the values of the channel's headers; see `app_quota.correct`."""
        if self._shares_quota:
            app_quota.correct(self.connection, left_today=left_today, per_day=per_day, per_second=per_second)

    @property
    def _shares_quota(self) -> bool:
        return bool(self.connection.pk) or self.connection.is_being_connected

    # ------------------------------------------------------------------ steps of a call
    def _take_request(self, method: str) -> None:
        """Take a request of the store's rate limit and of its application's quota; wait for it, or raise `RateLimited`.

        A store that is being connected has no rate limit yet; the quota counts its requests like any other.
        """
        if not self._shares_quota:
            return
        until = time.monotonic() + min(LONGEST_WAIT_SECONDS, http_deadline.block_left())
        if self.connection.pk:
            windows = rate_limit.windows_of(self.connection, method)
            known = rate_limit.take_known(self.connection)
            while (token := rate_limit.take_slot(self.connection.pk, windows, known=known)).wait > 0:
                if time.monotonic() + token.wait > until:
                    raise rate_limit.empty(self.connection, token.wait, scope=token.scope)
                _sleep(token.wait)
        for _again in range(2):
            while not (slot := app_quota.take(self.connection)).is_taken:
                if time.monotonic() + slot.wait > until:
                    raise rate_limit.empty(self.connection, slot.wait)
                _sleep(slot.wait)
            if slot.wait > 0:
                _sleep(slot.wait)
            if time.monotonic() - slot.at <= app_quota.LATE:
                return

    def _exchange(
        self, request: requests.Request, *, repeatable: bool, timeout: tuple[float, float], total: float
    ) -> Answer:
        try:
            prepared = self._session.prepare_request(request)
            parts = urlsplit(prepared.url or "")
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise requests.exceptions.InvalidURL("neither http nor https")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except (ValueError, requests.exceptions.RequestException) as error:
            raise self._clean(
                Rejected(_("“%s” is not a valid address.") % request.url, field="url")
            ) from error
        started, at = time.monotonic(), timezone.now()
        answer: Answer | None = None
        failure: ChannelError | None = None
        total = min(total, http_deadline.block_left())
        timeout = (min(timeout[0], total or _NO_TIME), min(timeout[1], total or _NO_TIME))
        deadline = http_deadline.Deadline(total)
        try:
            ssrf.check_literal(parts.hostname, port)
            with deadline:
                response = self._session.send(
                    prepared, timeout=timeout, allow_redirects=False, stream=True, proxies={}
                )
                try:
                    content = self._read(response, deadline)
                finally:
                    response.close()
            if len(self._session.cookies) > MAX_COOKIES:
                self._session.cookies.clear()
            answer = Answer(
                status=response.status_code,
                headers=_headers(response),
                body=content,
                elapsed=time.monotonic() - started,
                url=prepared.url or "",
                label=self.label,
            )
            return answer
        except ssrf.PrivateAddress as error:
            failure = Rejected(
                _(
                    "%s is a private address. Use the store's public address, "
                    "or allow it in OMS_ALLOWED_PRIVATE_HOSTS."
                )
                % error.host,
                code="private_address",
                field="url",
            )
            raise failure from None
        except ChannelError as error:
            failure = self._clean(error)
            raise
        except (requests.exceptions.RequestException, OSError) as error:
            failure = self._clean(self._broken(error, repeatable=repeatable, is_late=deadline.is_over))
            raise failure from error
        finally:
            self._log(prepared, at, started, answer, failure)

    def _read(self, response: requests.Response, deadline: http_deadline.Deadline) -> bytes:
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_content(64 * 1024):
            parts.append(chunk)
            size += len(chunk)
            if size > self.longest_answer:
                raise Rejected(
                    _("An answer of %(store)s is larger than %(size)s MB and was not imported.")
                    % {"store": self.label, "size": self.longest_answer // (1024 * 1024)},
                    code="too_large",
                )
        if deadline.is_over:  # an answer without a length that was cut looks complete
            raise requests.exceptions.ReadTimeout("cut by the deadline")
        return b"".join(parts)

    def _broken(self, error: Exception, *, repeatable: bool, is_late: bool) -> ChannelError:
        host = {"store": self.label}
        detail = f"{type(error).__name__}: {error}"
        if isinstance(error, requests.exceptions.SSLError) and any(words in str(error) for words in _NO_TLS):
            return TemporaryError(
                _(
                    "The server of %(store)s does not answer with https at this address and port. Check the address, or"
                    " ask the host of the store to set up https."
                )
                % host,
                detail=detail,
                code="no_https",
            )
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" not in str(error):
            return TemporaryError(
                _("The encrypted connection to %(store)s could not be set up. Manifold tries again.") % host,
                detail=detail,
                code="tls",
            )
        if isinstance(error, requests.exceptions.SSLError):
            return TemporaryError(
                _("The certificate of %(store)s is not valid. Ask the host of the store to renew it.") % host,
                detail=detail,
                code="certificate",
            )
        reason = _reason(error)
        if isinstance(reason, NameResolutionError):
            return TemporaryError(
                _("%(store)s cannot be found. Check its address.") % host, detail=detail, code="unknown_host"
            )
        if isinstance(reason, (NewConnectionError, ConnectTimeoutError)):
            return TemporaryError(
                (
                    _("%(store)s cannot be reached. Manifold tries again.")
                    if self.connection.pk
                    else _(
                        "No server answers at this address. Check the address, and that the store is online."
                    )
                )
                % host,
                detail=detail,
                code="unreachable",
            )
        is_timeout = is_late or isinstance(error, requests.exceptions.Timeout)
        kind = TemporaryError if repeatable else Uncertain
        if not self.connection.pk:  # there is no retry: a person at a form reads this
            message = _("The address did not answer in time. Check it, and try again.")
        elif is_timeout:
            message = _("%(store)s did not answer in time. Manifold tries again.")
        else:
            message = _("The connection to %(store)s was lost. Manifold tries again.")
        return kind(message % host, detail=detail, code="timeout" if is_timeout else "broken")

    def _check_redirect(
        self, origin: str, target: str, method: str, classify: Classify | None, answer: Answer
    ) -> None:
        """Raise an error unless this redirect may be followed: a read, to the same host (or to it with TLS)."""
        old, new = urlsplit(origin), urlsplit(urljoin(origin, target))
        is_same = old.hostname == new.hostname and (
            (old.scheme, old.port) == (new.scheme, new.port)
            or (old.scheme == "http" and new.scheme == "https" and not old.port and not new.port)
        )
        if is_same and method.upper() in ("GET", "HEAD"):
            return
        error = classify(answer) if classify else None
        raise self._clean(
            error
            or Rejected(
                _("%(store)s redirects to another address. Use %(goal)s instead.")
                % {
                    "store": self.label,
                    "goal": f"{new.scheme}://{new.netloc.rpartition('@')[2]}",
                },
                code="redirect",
                field="url",
            )
        )

    def _judge(self, answer: Answer, *, repeatable: bool, classify: Classify | None) -> Answer:
        try:
            error = classify(answer) if classify else default_error(answer, self.label)
        except ChannelError as raised:  # reading the body for the table may itself fail
            error = raised
        if error is None:
            return answer
        if isinstance(error, RateLimited):
            if not error.scope:  # with a scope, one kind of request waits and the others do not
                self.correct_budget(wait=error.retry_after)
            if self._shares_quota:
                app_quota.hold(self.connection, error.retry_after)
        elif isinstance(error, TemporaryError):
            if error.retry_after is None:
                error.retry_after = retry_after(answer.headers)
            if (
                answer.status >= 500
                and not repeatable
                and type(error) is TemporaryError
                and not error.maintenance
            ):
                # After a gateway's 502 or 504, or a fault, the work may have been done all the same.
                error = Uncertain(error.message, detail=error.detail, code=error.code)
        raise self._clean(error)

    def _clean(self, error: ChannelError) -> ChannelError:
        secrets = self._secrets()
        error.message = redaction.message(error.message, secrets)
        error.args = (error.message,)
        error.detail = redaction.message(error.detail, secrets)
        return error

    def _log(
        self,
        prepared: requests.PreparedRequest,
        at: datetime,
        started: float,
        answer: Answer | None,
        failure: ChannelError | None,
    ) -> None:
        if not self.connection.pk:
            return
        secrets = self._secrets()
        people = redaction.personal_pattern(self.connection.channel, prepared.url or "")
        sent = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode()
        call_log.add(
            CallLog(
                connection_id=self.connection.pk,
                at=at,
                method=(prepared.method or "")[:8],
                url=redaction.url(prepared.url or "", secrets),
                status=answer.status if answer else None,
                milliseconds=int((time.monotonic() - started) * 1000),
                error=failure.message[:300] if failure else "",
                sent="\n\n".join(
                    filter(
                        None,
                        (redaction.headers(prepared.headers, secrets), redaction.body(sent, secrets, people)),
                    )
                ),
                answer="\n\n".join(
                    (redaction.headers(answer.headers, secrets), redaction.body(answer.body, secrets, people))
                )
                if answer
                else "",
            )
        )


def _headers(response: requests.Response) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict((name, value[:MAX_HEADER]) for name, value in response.headers.items())


def _pairs(params: Params | None) -> list[tuple[str, str]]:
    if params is None:
        return []
    return list(params.items()) if isinstance(params, Mapping) else list(params)


def _reason(error: Exception) -> Exception | None:
    """Return the original error of an error of `requests` whose request was never sent."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, MaxRetryError):
        return inner.reason
    return inner if isinstance(inner, Exception) else None
