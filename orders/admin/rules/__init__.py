"""The pages of automation rules: the list in its sequence, one rule, and its trial on past orders."""
