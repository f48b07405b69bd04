"""Manifold OMS: one catalogue, one stock, one order desk for a seller with many stores."""
