"""The supervisor of a trial: what `make run` starts, without the demo. Started by `contrib.trials.installation.House`."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from oms.devserver import run
    from oms.devserver.supervisor import Supervisor

    host, _colon, port = sys.argv[1].rpartition(":")
    chosen = set(sys.argv[2:]) or {"web", "lanes"}
    run.HOST = host
    children = [run.web_child(int(port))] if "web" in chosen else []
    if "lanes" in chosen:
        children += [run.lane_child(lane) for lane in settings.OMS_LANES]
    log_dir = settings.VAR_DIR / "log"
    Supervisor(children, log_dir=log_dir, heartbeats=run.lane_heartbeats()).run()


if __name__ == "__main__":
    main()
