"""Rules about orders in memory: the table of moves, allocation, shipments, carriers. Nothing here writes an order."""
