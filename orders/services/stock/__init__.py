"""Stock of orders by rule: release what unpaid orders have, switch the tracking of SKUs on and off."""
