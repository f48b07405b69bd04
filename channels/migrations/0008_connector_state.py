"""`ChannelMark` becomes `ConnectorState`: a channel keeps facts of its own without another migration."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0007_budget_window'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='channelmark', name='mark_once'),
        migrations.RenameModel(old_name='ChannelMark', new_name='ConnectorState'),
        migrations.RenameField(model_name='connectorstate', old_name='external_id', new_name='key'),
        migrations.RenameField(model_name='connectorstate', old_name='made_at', new_name='updated_at'),
        migrations.AlterField(
            model_name='connectorstate',
            name='key',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AlterField(
            model_name='connectorstate',
            name='connection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='connector_states', to='channels.connection'),
        ),
        migrations.AddField(
            model_name='connectorstate',
            name='data',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddConstraint(
            model_name='connectorstate',
            constraint=models.UniqueConstraint(fields=('connection', 'name', 'key'), name='connector_state_once'),
        ),
    ]
