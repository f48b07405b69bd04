"""Customers: their page with orders and notes, and the page that exports or erases personal data."""
