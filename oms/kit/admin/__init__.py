"""The base of every admin class and every page of staff. Only `base` imports the theme (django-unfold).

`base` plain admin classes, forms · `pages` pages of another shape · `badges` chips, money, instants · `lists` the base of
every list · `changelist` keyset pages · `rows` columns and rows · `filters` · `actions` bulk actions · `figures` figures
edited in their cell · `saved_views` · `export` fields and files of exports, `job_pages` · `panels` cards and tabs that an upper
app adds to a lower app's page. This package imports no app.

A list, complete (`inventory/admin/stock.py` is a real one)::

    class WarehouseFilter(filters.RowFilter):            # one parameter, one control, cached for 30 s
        title, parameter_name, field = _("warehouse"), "warehouse", "warehouse_id"
        def rows(self): return Warehouse.objects.all()

    class StockResource(ExportResource):                 # fields of the export; headings are verbose names
        sku = ExportField(attribute="variant__sku", column_name=_("SKU"))
        class Meta:
            model = StockItem
            fields = ("sku", "on_hand")
            export_order = fields

    @admin.register(StockItem)
    class StockItemAdmin(ListAdmin):
        tabs = (Tab("all", _("All")), Tab("low", _("Low"), StockItemQuerySet.low))       # ?tab=low
        list_display = ("sku", "warehouse", "on_hand")   # a new column: one method with @cell, one name here
        optional_columns = ("updated",)                  # a person can add it
        sortable_by = ("sku",)                           # only what an index (column, id) answers; ?o=-sku
        default_sort = "variant__sku_key"
        list_filter = (WarehouseFilter,)
        list_select_related = ("variant", "warehouse")
        search_fields = ("=variant__sku_key",)           # shows the search box; get_search_results searches
        search_help_text = _("SKU")
        resource_classes = (StockResource,)              # export; its permission is inventory.export_stockitem
        bulk_actions = (BulkAction("count", _("Count"), run=count_rows, permission="inventory.change_stockitem"),)
        editable = {"on_hand": Figure(...)}              # POST <pk>/set/; never list_editable
        object_page = StockItemPage                      # at <pk>/, named inventory_stockitem_change

        @cell("lead", description=_("SKU"), ordering="variant__sku_key")
        def sku(self, item): return link(f"{item.pk}/", item.variant.sku)

        def with_related(self, request, rows): ...       # related data of a page: a fixed number of statements

Rules: a cell reads only the data of `list_select_related` and `with_related`; a cell does not call `_()` or `reverse()`
(call them once for the list); nothing is stored on `self`; a filter returns a queryset and reads no rows; `run` of an
action calls a service and returns one `Outcome` for each row. Hooks: `get_default_sort`, `tab_counts` (one statement), `empty`,
`list_context` (for a template that extends `oms/list.html`), `history_events`, `row_name`, `start_action_job`.
"""
