"""The addresses of Manifold. Apps have their own `urls.py`; what joins several of them is named here."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from oms import health
from oms.kit.admin import pictures
from oms.kit.api import site
from oms.upkeep import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("setup/", include("oms.accounts.first_run")),
    path("pictures/<str:name>", pictures.serve_original, name="original_picture"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("channels.urls")),
    path("api/v1/", site.api.urls),
    path("wms/v1/", site.wms.urls),
    path("password/", include("oms.accounts.passwords")),
    path("admin/", admin.site.urls),
]

handler404 = "oms.admin.errors.not_found"
handler403 = "oms.admin.errors.not_allowed"
handler500 = "oms.admin.errors.server_error"
