"""Pages of the application at Etsy, under /apps/etsy/: the sign-in and the address that Etsy calls."""

from __future__ import annotations

from django.urls import path

from channels.connectors.etsy import views

urlpatterns = [
    path("start/", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("webhook/", views.webhook, name="webhook"),
]
