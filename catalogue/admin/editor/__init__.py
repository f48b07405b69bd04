"""The page of one product: `page` shows it, `forms` its forms, `actions` its buttons; `gallery` and `options` are parts of both."""
