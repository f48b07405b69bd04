"""One folder for each channel, all of the same shape (docs/add-a-channel.md).

Start with a folder's `channel` (what it declares), then its `adapter` (what it does).
"""
