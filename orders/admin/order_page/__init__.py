"""The page of one order: `page`, what it shows (`context`), what it does (`actions`), and pages that hang on it."""
