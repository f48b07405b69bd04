"""Addresses of the app's pages, under /apps/bigcommerce/."""

from __future__ import annotations

from django.urls import path

from channels.connectors.bigcommerce.app import views

urlpatterns = [
    path("auth", views.authorise, name="auth"),
    path("load", views.load, name="load"),
    path("uninstall", views.uninstall, name="uninstall"),
    path("remove_user", views.remove_user, name="remove_user"),
    path("open", views.open_here, name="open"),
    path("claim", views.claim, name="claim"),
    path("people/<key:pk>", views.people, name="people"),
]
