"""The order desk: facts in, one derived status, stock held, shipments out."""
