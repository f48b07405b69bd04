"""The door for the web server: `gunicorn oms.wsgi`."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from oms.cluster import clock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")

CANNOT_LOAD = 4  # with it gunicorn ends instead of starting another worker

try:
    application = get_wsgi_application()
    clock.install()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Manifold OMS cannot start:\n{error}\n")
    sys.exit(CANNOT_LOAD)
