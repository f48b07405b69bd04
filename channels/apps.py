from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsConfig(AppConfig):
    name = "channels"
    verbose_name = _("Integrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from channels import (
            choices,
            examine,
            first_sync,
            lanes,
            manual,
            manual_push,
            status_map,
            streams,
            tasks,
        )
        from channels.base import Lane, Stream
        from oms.kit import jobs

        streams.register_sink(Stream.STATUSES, status_map.sink)
        jobs.register(manual.KIND, manual.step)
        jobs.register(manual_push.KIND, manual_push.step)
        jobs.register(first_sync.KIND, first_sync.step)
        jobs.on_start(lanes.ring_job)
        tasks.register_sweep(Lane.DEFAULT, choices.sweep)
        examine.register()
        post_spawn.connect(lanes.start, dispatch_uid="channels.lanes")
