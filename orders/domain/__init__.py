"""Rules on orders in memory: allocation, shipments, carriers."""
