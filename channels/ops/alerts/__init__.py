"""Alerts: what a person should know about without looking, sent once, and its end (R-USE-06).

`channels.stores.alert_kinds` has the kinds that the apps declare, each with a function that finds its causes; `causes` are
those of channels · `checks` opens and ends the alerts of these causes · `people` who wants which notice, and quiet hours · `notices` writes the notices · `sending` sends them ·
`mail`, `webhook` the two ways · `messages` their words.
"""
