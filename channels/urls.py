"""What the outside world calls: `/hooks/<channel>/<store>/`."""

from __future__ import annotations

from django.urls import path

from channels import views

app_name = "channels"

urlpatterns = [
    path("hooks/<slug:channel>/<int:pk>/", views.webhook, name="webhook"),
]
