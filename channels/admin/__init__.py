"""Screens of stores and of work: `/admin/integrations/…`.

`connections` ConnectionAdmin: the stores as cards, and the URLs of every page of a store (`store/`) · `jobs` JobAdmin,
one job and its bar (`progress`) · `messages` OutboxMessageAdmin: failed, waiting, held and sent messages, in words by
`message_text` · `rejected_records` RejectedRecordAdmin · `call_log` CallLogAdmin · `alerts` AlertAdmin, `alert_settings` what a
person is sent · `hooks` outgoing webhooks. Start reading with `connections`.

Apps above add to a store's page without being imported here: a tab (`oms.kit.admin.panels.tab(Connection, …)`), a card
(`panel(Connection, …)`), lines of the first sync report (`store.report`), cards of the settings (`store.settings`), the
words for the subject of a message (`message_text`).
"""

from channels.admin import (
    alert_settings,
    alerts,
    call_log,
    connections,
    hooks,
    jobs,
    messages,
    rejected_records,
)

__all__ = [
    "alert_settings",
    "alerts",
    "call_log",
    "connections",
    "hooks",
    "jobs",
    "messages",
    "rejected_records",
]
