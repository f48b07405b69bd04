"""The tables of the catalogue: products, listings, brands, categories."""

from catalogue.models.category import CategoryMapping, ListingDefaults, ProductCategory
from catalogue.models.keys import sku_key
from catalogue.models.kit import KitComponent
from catalogue.models.listing import Listing, ListingVariant, SkuAlias
from catalogue.models.merge import SkuMerge
from catalogue.models.picture import PictureCopy
from catalogue.models.product import Product, ProductImage, Variant
from catalogue.models.reference import Attribute, Brand, Category
from catalogue.models.sku_decision import SkuDecision

__all__ = [
    "Attribute",
    "Brand",
    "Category",
    "CategoryMapping",
    "KitComponent",
    "Listing",
    "ListingDefaults",
    "ListingVariant",
    "PictureCopy",
    "Product",
    "ProductCategory",
    "ProductImage",
    "SkuAlias",
    "SkuDecision",
    "SkuMerge",
    "Variant",
    "sku_key",
]
