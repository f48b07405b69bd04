"""`manage.py run`: the whole system with demo data on one machine.

Start with `run`."""
