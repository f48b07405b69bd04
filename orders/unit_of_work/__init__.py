"""Many orders: loaded, changed in memory and written in a constant number of statements.

Start with `unit_of_work`. `order_state` is one order in it, `stock_session` the stock that its orders use, and
`announcements` what the channels are sent."""
