"""Addresses of the application at Etsy, under /apps/etsy/: the sign-in and the webhook."""

from __future__ import annotations

from django.urls import path

from channels.connectors.etsy.app import views

urlpatterns = [
    path("start/", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("webhook/", views.webhook, name="webhook"),
]
