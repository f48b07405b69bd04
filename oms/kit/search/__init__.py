"""One search rule for the whole product: `text` folds, `query` finds, `index` keeps it fast, `kinds` and `page` are the box."""
