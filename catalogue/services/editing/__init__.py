"""The larger changes of the product page: `gallery` pictures · `options` options and their SKUs · `groups` join and release."""
