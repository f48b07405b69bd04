"""Manifold OMS: one catalogue, one stock, one order desk for a seller with many stores."""

__version__ = "0.2.0"
