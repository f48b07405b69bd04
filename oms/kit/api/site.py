"""The two APIs: `/api/v1/` for programs of the seller, `/wms/v1/` for warehouse systems. Apps add their areas."""

from __future__ import annotations

from ninja import NinjaAPI

from oms.kit.api import errors
from oms.kit.api.areas import Area

api = NinjaAPI(
    title="Manifold OMS",
    version="1",
    description="Orders, products, stock, prices, stores and jobs. The guide is docs/api.md.",
    urls_namespace="api",
    docs_url=None,
)
wms = NinjaAPI(
    title="Manifold OMS: warehouse systems",
    version="1",
    description="Shipments are handed over, facts and stock come back, signed both ways. The guide is docs/wms-api.md.",
    urls_namespace="wms",
    docs_url=None,
)
for _each in (api, wms):
    errors.add_handlers(_each)


def add(*areas: Area, to: NinjaAPI = api) -> None:
    """Add areas to an API; apps call it in `registrations`, once."""
    for area in areas:
        to.add_router(area.prefix, area.router)
