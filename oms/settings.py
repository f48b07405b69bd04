# long because: every setting is read top to bottom in one place.
"""Every setting of Manifold OMS, read top to bottom. Values come from the environment.

`.env.example` lists each name that is read here, with its purpose. The file `.env` in the folder of `manage.py` is
read first. If it does not exist and the environment has no SECRET_KEY, the file `env` in the data folder is read:
`make setup` writes it, so that a development machine needs no other preparation. A real environment variable always
takes precedence.
"""
# long because: every setting is read here, and `.env.example` follows the same order.

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from oms.upkeep.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
# Only as a real environment variable: another settings file to read instead of .env. Empty: read no file (the tests do that).
ENV_FILE = env.text("OMS_ENV_FILE", default=str(BASE_DIR / ".env"))
if ENV_FILE and (Path(ENV_FILE).is_file() or env.has("OMS_ENV_FILE")):
    env.read_file(Path(ENV_FILE))

# The folder for the files of this installation (SQLite file, logs, collected static files, media). Empty: var/ in the folder of manage.py.
VAR_DIR = Path(env.text("OMS_VAR_DIR") or BASE_DIR / "var").resolve()
if ENV_FILE and not Path(ENV_FILE).is_file() and not env.has("SECRET_KEY") and (VAR_DIR / "env").is_file():
    ENV_FILE = str(VAR_DIR / "env")
    env.read_file(VAR_DIR / "env")

# --- Installation -----------------------------------------------------------------------------------

# Show tracebacks in the browser, serve static files from the source: for development only.
DEBUG = env.flag("DEBUG", default=False)
# The demo that `make run` starts: sandbox stores, static files from the source, a note on the sign-in page.
OMS_DEMO = env.flag("OMS_DEMO", default=False)
# True behind a proxy that terminates TLS and sets X-Forwarded-Proto: secure cookies, HSTS, http redirected to https.
OMS_HTTPS = env.flag("OMS_HTTPS", default=True)
# Signs sessions and queue payloads: at least 50 random characters. Changing it signs everybody out.
SECRET_KEY = env.text("SECRET_KEY", default="")
# The host names of this installation.
ALLOWED_HOSTS: list[str] = env.hosts("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# The public address of this installation, without a slash at the end. Channels send their webhooks to it.
OMS_PUBLIC_URL = env.address("OMS_PUBLIC_URL", default="http://127.0.0.1:8000")

# --- Apps -------------------------------------------------------------------------------------------

# The packages of the channels, as dotted paths, in the sequence in which the screens show them.
OMS_CHANNELS: list[str] = env.words(
    "OMS_CHANNELS",
    default=[
        "channels.connectors.opencart",
        "channels.connectors.bigcommerce",
        "channels.connectors.onbuy",
        "channels.connectors.etsy",
        "channels.connectors.offline",
    ],
)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, so that its templates come first. Basic: it does not replace admin.site
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "oms.apps.OmsConfig",
    "oms.apps.ManifoldAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",  # `runserver` serves static files as production does
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "import_export",
    "django_q",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "oms.kit",
    "oms.kit.imports",
    "oms.kit.api",
    "channels",
    "catalogue",
    "inventory",
    "orders",
]

MIDDLEWARE = [
    "oms.middleware.HealthMiddleware",  # first: a load balancer names any host, and does not use TLS
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",  # its files are compressed already
    "oms.middleware.TextGZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "oms.accounts.language.LanguageMiddleware",
    "oms.middleware.TimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "oms.accounts.middleware.AuthorMiddleware",
    "oms.accounts.middleware.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "oms.middleware.LostKeyMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it sends the response to a rejected sign-in
]

ROOT_URLCONF = "oms.urls"
WSGI_APPLICATION = "oms.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# --- Database ---------------------------------------------------------------------------------------

# postgres://user:password@host:5432/name for PostgreSQL. Empty: an SQLite file in the data folder, for one host only.
GIVEN_DATABASE = env.database("DATABASE_URL")
# How many seconds a connection to the database is kept open.
CONN_MAX_AGE = env.whole("CONN_MAX_AGE", default=60, least=0, most=86_400)
# Settings of each connection to PostgreSQL. Compiling a query (jit) takes up to a second and saves less; parallel workers
# for a page of 20 ms double its time. A session whose host was cut off ends after half a minute and gives its row locks back;
# without these settings it keeps them for two hours. Empty behind a pooler that refuses the parameter `options`.
OMS_POSTGRES_SETTINGS = env.text(
    "OMS_POSTGRES_SETTINGS",
    default="-c jit=off -c parallel_setup_cost=20000 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000",
)

DEFAULT_DATABASE: dict[str, Any] = GIVEN_DATABASE or {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": VAR_DIR / "manifold.sqlite3",
}
if DEFAULT_DATABASE["ENGINE"].endswith("sqlite3"):
    # WAL allows reads during a write. IMMEDIATE prevents "database is locked". `timeout` is how long to wait for the writer.
    DEFAULT_DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    # No connection pool: the queue's workers are forked and would share its connections.
    DEFAULT_DATABASE["CONN_HEALTH_CHECKS"] = True
    # A line that dies silently is noticed: by a lane that listens after half a minute, by a statement that is not acknowledged
    # after 10 s. The kernel's own limit for the second is 15 minutes (milliseconds here).
    DEFAULT_DATABASE["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        **({"options": OMS_POSTGRES_SETTINGS} if OMS_POSTGRES_SETTINGS else {}),
        **DEFAULT_DATABASE.get("OPTIONS", {}),
    }
DEFAULT_DATABASE["CONN_MAX_AGE"] = CONN_MAX_AGE

DATABASES = {"default": DEFAULT_DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache ------------------------------------------------------------------------------------------

# redis://host:6379/0 for a cache that all processes share. Empty: one cache in each process; nothing depends on it.
REDIS_URL = env.redis("REDIS_URL")

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "oms",
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- Queue: it carries wake-ups only, the work is in our own tables (docs/operations.md) -------------

# "orm" sends wake-ups through the database (loses none). "redis" may lose some; the tick enqueues them again.
OMS_QUEUE_BROKER = env.choice("OMS_QUEUE_BROKER", default="orm", among=("orm", "redis"))
# Worker processes of each lane.
OMS_WORKERS = env.whole("OMS_WORKERS", default=2, least=1, most=64)
# Worker processes of the orders lane: two for the stores that answer, the others for slow ones too (docs/adr/0015-fair-lanes.md).
OMS_ORDER_WORKERS = env.whole("OMS_ORDER_WORKERS", default=max(OMS_WORKERS, 4), least=1, most=64)

# The lanes. Each has its own cluster, so that an import never makes an order wait.
OMS_LANES = ("orders", "stock", "default")
# The lane that `manage.py qcluster` runs; only as a real environment variable of that process. Empty: default.
Q_CLUSTER_NAME = env.choice("Q_CLUSTER_NAME", default="", among=("", *OMS_LANES))

Q_CLUSTER: dict[str, Any] = {
    "name": "manifold",
    "cluster_name": "default",
    "workers": OMS_WORKERS,
    "queue_limit": OMS_WORKERS,  # no prefetch: a task that waits in memory would run twice when `retry` has passed
    "bulk": 1,
    "timeout": 120,  # a slice of 45 s and its last call of 60 s; less than the 150 s of a lease, so that no two workers have the same lease
    "retry": 520,  # > (timeout + 3) * (ceil((queue_limit + workers + bulk) / workers) + 1); oms/checks.py checks this
    "ack_failures": True,  # a failing task is not run again: the tick finds the work in our own rows
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": -1,  # successful tasks are not stored; failed ones always are
    "recycle": 200,
    "max_rss": 400_000,  # KiB
    "poll": 0.1,
    "guard_cycle": 0.5,
    "label": _("Queue"),
    # Brokers of our own (docs/adr/0016-broker.md): they run only functions that an app declared (`oms.kit.background.queue`), and those
    # of the database wait in another way than django-q2's.
    **(
        {"redis": REDIS_URL, "broker_class": "oms.kit.background.queue.RedisBroker"}
        if OMS_QUEUE_BROKER == "redis"
        else {
            "orm": "default",
            "broker_class": "oms.cluster.watching.Watching"
            if DEFAULT_DATABASE["ENGINE"].endswith("sqlite3")
            else "oms.cluster.listening.Listening",
        }
    ),
    # Each lane may have its own values. A lane that is missing here cannot be started.
    "ALT_CLUSTERS": {
        "orders": {"retry": 520, "workers": OMS_ORDER_WORKERS, "queue_limit": OMS_ORDER_WORKERS},
        "stock": {"retry": 520},
    },
}

# --- Channels ---------------------------------------------------------------------------------------

# Fernet keys that encrypt the stores' credentials, newest first, separated by commas (`docs/operations.md`: rotation).
OMS_CREDENTIAL_KEYS: list[str] = env.words("OMS_CREDENTIAL_KEYS", default=[])
# The application of this installation at each channel that has applications: key and secret from its developer site.
OMS_APPS: dict[str, dict[str, str]] = {
    "bigcommerce": {
        "client_id": env.text("BIGCOMMERCE_CLIENT_ID", default=""),
        "client_secret": env.text("BIGCOMMERCE_CLIENT_SECRET", default=""),
        # The addresses of its sign-in and its API. A sandbox has others.
        "login_url": env.address("BIGCOMMERCE_LOGIN_URL", default="https://login.bigcommerce.com"),
        "api_url": env.address("BIGCOMMERCE_API_URL", default="https://api.bigcommerce.com"),
    },
    "etsy": {
        # The application of this installation at Etsy: its key, secret, and the secret of its webhooks.
        "keystring": env.text("ETSY_KEYSTRING", default=""),
        "shared_secret": env.text("ETSY_SHARED_SECRET", default=""),
        "webhook_secret": env.text("ETSY_WEBHOOK_SECRET", default=""),
        # The addresses of its sign-in and its API. A sandbox has others.
        "sign_in_url": env.address("ETSY_SIGN_IN_URL", default="https://www.etsy.com/oauth/connect"),
        "api_url": env.address("ETSY_API_URL", default="https://api.etsy.com"),
    },
}
# Private addresses that Manifold may call: host, host:port or network (10.1.0.0/16).
OMS_ALLOWED_PRIVATE_HOSTS: list[str] = env.reachable("OMS_ALLOWED_PRIVATE_HOSTS")
# How many days the log of calls to channels is kept.
OMS_CALL_LOG_DAYS = env.whole("OMS_CALL_LOG_DAYS", default=14, least=1, most=36_500)
# How many days messages that were sent to a channel are kept.
OMS_SENT_MESSAGE_DAYS = env.whole("OMS_SENT_MESSAGE_DAYS", default=90, least=1, most=36_500)
# How many days after its placing the native document of an order is kept.
OMS_NATIVE_DAYS = env.whole("OMS_NATIVE_DAYS", default=400, least=1, most=36_500)
# How many days after its placing names and addresses are kept in a finished order.
OMS_PERSONAL_DATA_DAYS = env.whole("OMS_PERSONAL_DATA_DAYS", default=730, least=1, most=36_500)

# How many calls a key of the HTTP API may make in a minute.
OMS_API_CALLS_PER_MINUTE = env.whole("OMS_API_CALLS_PER_MINUTE", default=600, least=1, most=1_000_000)

# --- People -----------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it rejects before a password is checked
    "oms.accounts.sign_in.PermissionBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "oms.accounts.password_rules.GuessableValidator"},
]
# Sessions end after this many minutes without a request.
OMS_SESSION_IDLE_MINUTES = env.whole("OMS_SESSION_IDLE_MINUTES", default=240, least=1, most=525_600)
SESSION_ENGINE = "oms.accounts.sessions"
SESSION_COOKIE_AGE = OMS_SESSION_IDLE_MINUTES * 60
PASSWORD_RESET_TIMEOUT = 3600  # seconds that the link in a “forgot password” mail works
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Five wrong passwords for one user name from one address lock that pair for 15 minutes. This slows down an attacker,
# who cannot lock out a colleague at another address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "oms.accounts.addresses.client_ip"
AXES_LOCKOUT_CALLABLE = "oms.accounts.throttle.locked_out"
# The addresses of our own proxies (host or network, separated by commas; "unix" for a socket): only their
# X-Forwarded-For is read.
OMS_TRUSTED_PROXIES: list[str] = env.words("OMS_TRUSTED_PROXIES", default=["127.0.0.1", "::1", "unix"])
AXES_VERBOSE = False

OTP_TOTP_ISSUER = "Manifold OMS"

# --- Language and time ------------------------------------------------------------------------------

LANGUAGES = [("en-gb", _("English")), ("fr", _("French"))]
# The language for people who have not chosen one.
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", default="en-gb", among=("en-gb", "fr"))
LOCALE_PATHS = [BASE_DIR / "oms" / "locale"]
# The time zone of the seller, for documents and for screens until the browser has reported its own. Each store has its own time zone.
TIME_ZONE = env.zone("TIME_ZONE", default="Europe/London")
USE_TZ = True

# --- Files ------------------------------------------------------------------------------------------

STATIC_URL = "static/"
# The folder into which `collectstatic` copies the files of the pages. Empty: static/ in the data folder.
STATIC_ROOT = Path(env.text("OMS_STATIC_ROOT") or VAR_DIR / "static")
MEDIA_ROOT = VAR_DIR / "media"
WHITENOISE_USE_FINDERS = DEBUG or OMS_DEMO
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# A bulk action sends one field for each selected row.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# --- Security of the web pages ----------------------------------------------------------------------

SESSION_COOKIE_SECURE = OMS_HTTPS
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = OMS_HTTPS
CSRF_TRUSTED_ORIGINS = [OMS_PUBLIC_URL]
SECURE_SSL_REDIRECT = OMS_HTTPS
SECURE_REDIRECT_EXEMPT = [
    r"^healthz$",
    r"^readyz$",
]  # the load balancer calls them from the inside, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if OMS_HTTPS else None
# For how many seconds browsers insist on https for this host once they have seen it (HSTS). It cannot be undone earlier: raise
# it (31536000: a year) when https has worked for some days.
OMS_HSTS_SECONDS = env.whole("OMS_HSTS_SECONDS", default=3600, least=0, most=63_072_000)
# Whether the same holds for every sub-domain of this host, also for those that are not Manifold's.
OMS_HSTS_SUBDOMAINS = env.flag("OMS_HSTS_SUBDOMAINS", default=False)
# Whether browsers may put the domain on their built-in list; for a host with a year and sub-domains only. Leaving the list takes months.
OMS_HSTS_PRELOAD = env.flag("OMS_HSTS_PRELOAD", default=False)
SECURE_HSTS_SECONDS = OMS_HSTS_SECONDS if OMS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = OMS_HTTPS and OMS_HSTS_SUBDOMAINS
SECURE_HSTS_PRELOAD = OMS_HTTPS and OMS_HSTS_PRELOAD
# Sub-domains and the built-in list are a decision of the owner of the domain, so `check --deploy` does not ask for them.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"] if OMS_HTTPS else []
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"  # for old browsers; the others use frame-ancestors

# The theme needs eval (Alpine) and inline styles. Nothing is loaded from another host: of product
# pictures Manifold has copies of its own (catalogue/pictures).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    }
}

# --- Mail -------------------------------------------------------------------------------------------

# smtp+tls://user:password@host:587 sends alerts. consolemail:// writes them to the log.
EMAIL_CONFIG = env.mail("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
# The sender address of those alerts.
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="Manifold OMS <oms@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# After how many minutes an alert that is not resolved is sent to the owners. 0: never.
OMS_ALERT_ESCALATION_MINUTES = env.whole("OMS_ALERT_ESCALATION_MINUTES", default=60, least=0, most=525_600)

# --- Watching ---------------------------------------------------------------------------------------

# The token with which Prometheus asks for /metrics (as a bearer token). Empty: only programs on this machine may ask.
OMS_METRICS_TOKEN = env.text("OMS_METRICS_TOKEN")

# --- Log --------------------------------------------------------------------------------------------

# DEBUG, INFO, WARNING or ERROR.
LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
# True: write each line as one JSON object, for programs that collect logs.
OMS_LOG_JSON = env.flag("OMS_LOG_JSON", default=False)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "oms.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json" if OMS_LOG_JSON else "text"},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # At INFO it writes several lines for each wake-up.
        "django-q": {
            "handlers": [],
            "level": "WARNING" if LOG_LEVEL == "INFO" else LOG_LEVEL,
            "propagate": True,
        },
    },
}

# --- Theme ------------------------------------------------------------------------------------------

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Manifold OMS",
    "SITE_HEADER": "Manifold OMS",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "oms.accounts.sign_in.SignInForm"},
    "THEME": "light",
    # One accent colour: the indigo of the logo.
    "COLORS": {
        "primary": {
            "50": "#eef0fd",
            "100": "#e0e3fb",
            "200": "#c7ccf7",
            "300": "#a5abf0",
            "400": "#8184e6",
            "500": "#625fda",
            "600": "#4338ca",
            "700": "#372fa8",
            "800": "#2e2987",
            "900": "#29276b",
            "950": "#19173f",
        }
    },
}

# --- Check ------------------------------------------------------------------------------------------

# Names in the settings file that are no settings: `check --deploy` names them.
UNKNOWN_SETTINGS = env.unknown()
env.check()  # one sentence for each wrong setting
