"""BigCommerce's app: its pages in the control panel, installing, and who may open it. Start reading in `urls`."""
