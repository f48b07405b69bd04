"""Sendcloud (API v3): the carriers of a seller's Sendcloud account. It is no sales channel."""
