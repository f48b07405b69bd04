"""What a warehouse system (WMS) reports. Start with `facts`; the others say what a fact does to a shipment and its order."""
