"""Settings of the tests: the project's settings, without values of this machine.

Neither `.env` nor the data folder is read, so that a developer's own store or a running demo changes no outcome.
DATABASE_URL and REDIS_URL are the exception: `make test-db` names PostgreSQL and Redis by them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_KEPT = {"DATABASE_URL", "REDIS_URL"}
_EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
for _line in _EXAMPLE.read_text(encoding="utf-8").splitlines():
    _name = _line.lstrip("# ").partition("=")[0]
    if "=" in _line and _name not in _KEPT:
        os.environ.pop(_name, None)

_folder = tempfile.TemporaryDirectory(prefix="manifold-tests-")
os.environ.update(
    OMS_ENV_FILE="",
    OMS_VAR_DIR=_folder.name,
    OMS_HTTPS="false",
    SECRET_KEY="only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF",
    OMS_CREDENTIAL_KEYS="dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    OMS_ALLOWED_PRIVATE_HOSTS="127.0.0.1,localhost",
    OMS_PUBLIC_URL="http://127.0.0.1:9",  # nobody listens there; a name would be looked up, which may take seconds
    LOG_LEVEL="WARNING",
)

from oms.settings import *  # noqa: E402, F403
from oms.settings import Q_CLUSTER as _Q_CLUSTER  # noqa: E402
from oms.settings import STORAGES as _STORAGES  # noqa: E402

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
# The slowest step of a test that signs somebody in.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    **_STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = (
    True  # looks files up when asked, instead of listing all of them for each test client
)
AXES_ENABLED = False  # tests about throttling switch it on
Q_CLUSTER = {**_Q_CLUSTER, "testing": True}
