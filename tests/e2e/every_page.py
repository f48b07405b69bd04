"""The addresses of all pages of staff: from the URL table, with sample objects in place of their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.urls import URLResolver, get_resolver, reverse

#: Routes under admin/ that answer with no page of their own: data for scripts, files, forms that are only sent,
#: redirects, and Django's pages for what our own pages do.
NO_PAGE = re.compile(
    r"/(views|count|set|do|move|progress\.json|file|pause|read-only|state|streams|autocomplete|jsi18n|logout|r|of|qrcode|buy|said)(/|$)"
    r"|names\.json|search/results/$|(?<!^admin/)search/$|password_change/done|<path:object_id>/$|<url>|app_label|<slug:what>|<slug:name>|<slug:kind>|print/manifest/|excel/(template|exports?)/|\.webp$"
)
#: Lists share these pages; they are looked at for orders alone.
SHARED = re.compile(r"^admin/(?!orders/order/).+/(export/|jobs/<key:pk>/)$")
#: Of packages that the menu does not name, the lists alone.
FOREIGN = re.compile(r"^admin/(django_q|axes|otp_totp|otp_static)/\w+/.")


def routes(resolver: Any = None, base: str = "") -> Iterator[tuple[str, str]]:
    """Yield (route, name) of the whole URL table."""
    for one in (resolver or get_resolver()).url_patterns:
        route = base + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one, route)
        else:
            yield route, str(one.name)


def addresses(samples: dict[str, tuple[Any, ...]]) -> dict[str, str]:
    """Return the address of each page of staff, by its route.

    `samples` are the keys that an address needs, by the name of the route. Pages of a model that are not in it take the
    first row of the model. A page whose key cannot be found is a KeyError: give it a sample.
    """
    found: dict[str, str] = {}
    for route, name in routes():
        if not route.startswith("admin/") or any(kind.search(route) for kind in (NO_PAGE, SHARED, FOREIGN)):
            continue
        arguments: tuple[Any, ...] = ()
        if "<" in route:
            arguments = samples[name] if name in samples else first_row(name)
        found[reverse(f"admin:{name}", args=arguments)] = route
    return {route: address for address, route in found.items()}


def first_row(name: str) -> tuple[Any, ...]:
    """Return the key of the first row of the model that a page of Django's admin is about."""
    app, _, rest = name.partition("_")
    model = apps.get_model(app, rest.partition("_")[0]) if rest else None
    if model is None:
        raise KeyError(name)
    return (model._default_manager.order_by("pk").values_list("pk", flat=True)[0],)
