"""Lists of OnBuy itself (categories, brands, carriers), paging of lists, and refusals."""

from __future__ import annotations

from channels.connectors.onbuy.sandbox.market import PROVIDERS, Market, Row
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Request


def refuse(status: int, message: str, code: str = "badRequest", *, wait: int = 0) -> Refusal:
    """Return the error with which a call is refused, as a document of OnBuy."""
    return Refusal(status, {"success": False, "error": {"errorCode": code, "message": message}}, wait=wait)


class Reference:
    """Calls for categories, brands, carriers and the seller's account. `truncated`: rows left out of the next list."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.truncated = 0

    def _list(
        self, request: Request, rows: list[Row], *, total: str = "total_rows", key: str = "results"
    ) -> Row:
        """Return a page by limit and offset; the parameter `page` is ignored, as OnBuy does."""
        params = request.params
        limit, offset = int(params.get("limit") or 50), int(params.get("offset") or 0)
        if not 1 <= limit <= 100 or offset < 0:
            raise refuse(400, "limit must be between 1 and 100")
        part = rows[offset : offset + limit]
        if self.truncated and part:
            part, self.truncated = part[: -self.truncated] or part[:1], 0
        return {key: part, "metadata": {"limit": limit, "offset": offset, total: len(rows)}}

    def categories(self, request: Request) -> Row:
        params = request.params
        rows = list(self.market.categories.values())
        if "filter[can_list_in]" in params:
            rows = [row for row in rows if row["can_list_in"] == (params["filter[can_list_in]"] == "1")]
        return self._list(request, rows)

    def features(self, request: Request, category_id: str) -> Row:
        return self._list(request, self.market.features.get(category_id, {"rows": []})["rows"])

    def details(self, request: Request, category_id: str) -> Row:
        return self._list(request, self.market.details.get(category_id, {"rows": []})["rows"])

    def brands(self, request: Request) -> Row:
        name = request.params.get("filter[name]", "").casefold()
        if not name:
            raise refuse(400, "filter[name] is required")
        rows = [row for row in self.market.brands.values() if name in row["name"].casefold()]
        return self._list(request, sorted(rows, key=lambda row: row["name"]), total="total_results")

    def providers(self, request: Request) -> Row:
        if not self.market.settings["has_tracking_providers"]:
            raise refuse(404, "Not found", "notFound")
        rows = [{"tracking_id": number, "name": name, "tracking_url": ""} for number, name in PROVIDERS]
        return self._list(request, rows)

    def carriers(self, request: Request) -> list[Row]:
        return [
            {"onbuy_carrier_code": f"OCC-{number:018d}", "carrier_name": name} for number, name in PROVIDERS
        ]

    def entities(self, request: Request) -> Row:
        settings = self.market.settings
        rows = [{"entity_id": settings["entity_id"], "trading_name": settings["name"]}]
        return self._list(request, rows, key="data")

    def deliveries(self, request: Request) -> Row:
        """Return the seller's delivery templates: one row for each region of each template."""
        rows = [
            {
                "seller_delivery_template_id": number,
                "template_name": name,
                "is_default_template": number == 245,
                "country_sub_region": region,
                "delivery_charge_type": "fixed",
                "delivery_time": "3-5",
            }
            for number, name in ((245, "Standard"), (246, "Heavy goods"))
            for region in ("Mainland UK", "Highlands & Islands")
        ]
        return self._list(request, rows)

    def seller(self, request: Request, seller_id: str) -> Row:
        if int(seller_id) != self.market.settings["seller_id"]:
            raise refuse(404, "Not found", "notFound")
        return {"results": {"seller_id": int(seller_id), "name": self.market.settings["name"]}}
