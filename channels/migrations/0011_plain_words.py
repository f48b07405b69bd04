"""Change names and help texts of fields. The tables do not change."""

import channels.contract.records.orders
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0010_wake_up'),
    ]

    operations = [
        migrations.AlterField(
            model_name='connection',
            name='account',
            field=models.JSONField(blank=True, default=dict, help_text='Data of the account, from the channel.', verbose_name='account'),
        ),
        migrations.AlterField(
            model_name='connection',
            name='blocked_until',
            field=models.DateTimeField(blank=True, help_text='The channel asked Manifold to wait until then.', null=True),
        ),
        migrations.AlterField(
            model_name='connection',
            name='is_in_maintenance',
            field=models.BooleanField(default=False, help_text='The store reports maintenance: no alarm in the first hour.'),
        ),
        migrations.AlterField(
            model_name='connection',
            name='is_read_only',
            field=models.BooleanField(default=True, help_text='Data is imported, nothing is sent.', verbose_name='read-only'),
        ),
        migrations.AlterField(
            model_name='connection',
            name='pushing_since',
            field=models.DateTimeField(blank=True, null=True, verbose_name='live since'),
        ),
        migrations.AlterField(
            model_name='connection',
            name='state_reason',
            field=models.CharField(blank=True, max_length=500, verbose_name='reason'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='attempts'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='crashes',
            field=models.PositiveSmallIntegerField(default=0, help_text='Workers that were killed while they sent it.'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='group',
            field=models.BigIntegerField(blank=True, help_text='Order whose events are sent one after the other.', null=True),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='is_held',
            field=models.BooleanField(default=False, help_text='Recorded while the store was read-only: a person sends or skips it.'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='is_uncertain',
            field=models.BooleanField(default=False, help_text='No answer came: check the channel before sending again.'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='priority',
            field=models.PositiveSmallIntegerField(default=50, help_text='Lower numbers are sent first.'),
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='step',
            field=models.CharField(blank=True, help_text='Finished step of a send with several steps.', max_length=40),
        ),
        migrations.AlterField(
            model_name='rejectedrecord',
            name='attempts',
            field=models.PositiveIntegerField(default=1, verbose_name='attempts'),
        ),
        migrations.AlterField(
            model_name='rejectedrecord',
            name='external_id',
            field=models.CharField(max_length=120, verbose_name='channel ID'),
        ),
        migrations.AlterField(
            model_name='statusmapentry',
            name='events',
            field=models.JSONField(blank=True, default=list, verbose_name='set when'),
        ),
        migrations.AlterField(
            model_name='statusmapentry',
            name='holds_stock',
            field=models.BooleanField(blank=True, null=True, verbose_name='reserves stock in the store'),
        ),
        migrations.AlterField(
            model_name='statusmapentry',
            name='is_edited',
            field=models.BooleanField(default=False, verbose_name='edited'),
        ),
        migrations.AlterField(
            model_name='statusmapentry',
            name='remote_state',
            field=models.CharField(choices=[('unpaid', 'unpaid'), ('draft', 'draft'), ('new', 'new'), ('ready', 'ready'), ('shipped', 'shipped'), ('delivered', 'delivered'), ('completed', 'completed'), ('cancelled', 'cancelled'), ('returned', 'returned'), ('ignored', 'ignored'), ('unknown', 'unknown')], default=channels.contract.records.orders.RemoteState['UNKNOWN'], max_length=12, verbose_name='Manifold status'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='mark',
            field=models.CharField(blank=True, help_text='Digest of an earlier page token: if it comes again, the pages repeat.', max_length=32),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='query',
            field=models.JSONField(blank=True, default=dict, help_text='created, statuses, ids of the query.'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='refused',
            field=models.PositiveIntegerField(default=0, verbose_name='rejected'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='same',
            field=models.PositiveIntegerField(default=0, verbose_name='unchanged'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('manual', 'A person'), ('webhook', 'Webhook'), ('first', 'First sync')], default='schedule', max_length=10, verbose_name='started by'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='completed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last run'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='cursor_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='imported up to'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='next run'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='failures',
            field=models.PositiveSmallIntegerField(default=0, help_text='Temporary faults in a row.'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='not_before',
            field=models.DateTimeField(blank=True, help_text='Waits until then after a temporary fault.', null=True),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='period',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='interval (s)'),
        ),
        migrations.AlterField(
            model_name='syncstream',
            name='wanted_ids',
            field=models.JSONField(blank=True, default=list, help_text='Records that a webhook or a person requested.'),
        ),
    ]
