"""URLs for channels: webhooks at `/hooks/<channel>/<store>/`, and pages of channels with an app at `/apps/<channel>/…`."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import URLPattern, URLResolver, include, path

from channels.contract.registry import specs
from channels.contract.spec import ChannelSpec
from channels.stores import webhook_view

app_name = "channels"


def app_patterns(declared: Iterable[ChannelSpec]) -> list[URLResolver]:
    """Return the pages of the channels' apps (installation, sign-in callback), named `channels:<key>:<name>`."""
    return [
        path(f"apps/{spec.key}/", include((spec.urls, spec.key), namespace=spec.key))
        for spec in declared
        if spec.urls
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/<slug:channel>/<key:pk>/", webhook_view.webhook, name="webhook"),
    *app_patterns(specs().values()),
]
