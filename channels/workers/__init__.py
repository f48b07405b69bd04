"""The queue's side: enqueue a task, lock, heartbeat, timers, what a failure means.

Start with `enqueue`; `channels.tasks` has the tasks themselves."""
