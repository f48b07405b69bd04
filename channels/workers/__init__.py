"""The queue and the workers: enqueue a task, locks, heartbeats, timers, effects of failures.

Start with `enqueue`; `channels.tasks` has the tasks themselves."""
