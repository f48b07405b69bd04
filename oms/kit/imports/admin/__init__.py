"""Pages of imports under Catalogue » Excel: `lists` (the imports), `start`, `page` (one import), `columns`, `exports`."""

from oms.kit.imports.admin import lists

__all__ = ["lists"]
