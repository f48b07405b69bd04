"""The web server of an installation: `gunicorn oms.wsgi --config oms/upkeep/gunicorn_conf.py --bind ADDRESS`.

Its access log has one line a request: time, address, method, path without its query (which may have names of buyers), status, bytes,
seconds. The messages of errors go through Manifold's own log.
"""

from __future__ import annotations

import os

workers = int(os.environ.get("WEB_WORKERS") or 2)
worker_class = "gthread"
threads = 4
max_requests = 2000
max_requests_jitter = 200
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 (a heartbeat file without content)
accesslog = "-"
access_log_format = "%(t)s access %(h)s %(m)s %(U)s %(s)s %(B)s %(L)s"
if os.environ.get("OMS_LOG_JSON", "").lower() in {"true", "yes", "on", "1"}:
    access_log_format = (
        '{"time": "%(t)s", "logger": "access", "address": "%(h)s", "method": "%(m)s", "path": "%(U)s", "status": "%(s)s", '
        '"bytes": "%(B)s", "seconds": "%(L)s"}'
    )
