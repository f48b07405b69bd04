"""From a channel into Manifold: schedules, pages, single records.

Start with `runner`, which runs one stream; `page_writer` stores what it read."""
