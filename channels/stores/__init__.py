"""What a person does with a store: connect, first sync, pause, settings, manual sync.

Start with `connect` and `services`."""
