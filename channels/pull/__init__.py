"""Imports from channels: schedules, pages, single records.

Start with `runner`, which imports one stream; `page_writer` stores its pages."""
