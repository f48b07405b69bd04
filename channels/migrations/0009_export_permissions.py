from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0008_connector_state'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='calllog',
            options={'ordering': ('-id',), 'permissions': (('export_calllog', 'Can export calls'),), 'verbose_name': 'call', 'verbose_name_plural': 'calls'},
        ),
        migrations.AlterModelOptions(
            name='outboxmessage',
            options={'ordering': ('priority', 'id'), 'permissions': (('export_outboxmessage', 'Can export messages'),), 'verbose_name': 'message', 'verbose_name_plural': 'messages'},
        ),
        migrations.AlterModelOptions(
            name='rejectedrecord',
            options={'ordering': ('-last_seen_at',), 'permissions': (('export_rejectedrecord', 'Can export rejected records'),), 'verbose_name': 'rejected record', 'verbose_name_plural': 'rejected records'},
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='parked_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='failed'),
        ),
        migrations.AlterField(
            model_name='rejectedrecord',
            name='resolved_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='resolved'),
        ),
    ]
