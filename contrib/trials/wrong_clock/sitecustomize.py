"""A host with a wrong clock: TRIAL_CLOCK seconds are added to the time that Python and Django tell. Read by Python at its start."""

import os
import time

_wrong = float(os.environ.get("TRIAL_CLOCK", "0"))
if _wrong:
    from datetime import UTC, datetime, timedelta

    from django.utils import timezone

    _time = time.time
    time.time = lambda: _time() + _wrong
    timezone.now = lambda: datetime.now(UTC) + timedelta(seconds=_wrong)
