"""The page of one order: `page`, its data (`context`), what it posts (`actions`), and its sub-pages."""
