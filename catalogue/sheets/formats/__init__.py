"""Product files of other systems: how each is recognised, and how its rows become lines. Start reading at `all_formats`."""
