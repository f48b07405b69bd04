"""The wake-up of a piece of work has the same lease columns as every other row that one worker works on."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0009_export_permissions'),
    ]

    operations = [
        migrations.RenameModel(old_name='Bell', new_name='WakeUp'),
        migrations.RenameField(model_name='wakeup', old_name='rung_at', new_name='asked_at'),
        migrations.RenameField(model_name='wakeup', old_name='token', new_name='lease_token'),
        migrations.RenameField(model_name='wakeup', old_name='busy_until', new_name='lease_until'),
    ]
