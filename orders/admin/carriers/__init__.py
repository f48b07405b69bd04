"""Carriers: the list, accounts, rules of a store, labels on the order page, jobs that buy labels, parcels."""
