"""Stock work with documents: `deliveries`, `counts`, `transfers`; and `unusable` units and `suppliers`."""
