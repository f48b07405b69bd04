"""Sending orders to channels. `fulfilment_handler` sends the messages that `orders.unit_of_work.announcements` writes."""
