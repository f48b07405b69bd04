"""Lists and pages of stock work: `deliveries`, `counts`, `transfers`, `suppliers`, `unusable`. Start with `documents`."""
