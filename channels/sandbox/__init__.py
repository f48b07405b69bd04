"""The web server that the sandboxes of the connectors are built on."""
