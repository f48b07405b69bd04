"""Pictures of products: which one a SKU shows, and the small copies that Manifold stores of them.

`lookup` the picture of each SKU · `copies` which addresses need a copy · `convert` makes the small pictures ·
`originals` uploaded
pictures · `sweep` downloads what is due, in the background. The files are described in `oms.kit.admin.pictures`.
"""
