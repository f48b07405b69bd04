"""The pages of one store. `page` is their base (head, tabs); `lists` shows an admin list inside a store's page.

Own pages: `overview`, `connect` (wizard, reconnect), `first_sync` (progress, report), `sync_forms`, `control` (pause,
disconnect, read-only), `plan`, `reconcile`, `status_map`, `capabilities`, `settings`. Apps above add to `report` and `settings`.
"""
