"""An order that a person enters: `checks` says what is wrong with it, `totals` computes its amounts."""
