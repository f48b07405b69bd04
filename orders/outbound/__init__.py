"""What a channel is sent about an order, and what it is not sent, and why.

`announcements` writes the messages, `fulfilment_handler` sends them."""
