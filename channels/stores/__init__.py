"""What a person does with a store: connect, first sync, pause, settings, sync by hand.

Start with `connect` and `services`."""
