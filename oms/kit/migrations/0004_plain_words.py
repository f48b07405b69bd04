"""Change names and help texts of fields. The tables do not change."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kit', '0003_export_permissions'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0, help_text='Slices started since the last one that ended.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='created_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='created'),
        ),
        migrations.AlterField(
            model_name='job',
            name='data',
            field=models.JSONField(blank=True, default=dict, help_text='The state of the work between two slices.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='refused',
            field=models.PositiveIntegerField(default=0, verbose_name='rejected'),
        ),
        migrations.AlterField(
            model_name='job',
            name='title',
            field=models.CharField(max_length=200, verbose_name='job'),
        ),
        migrations.AlterField(
            model_name='job',
            name='total',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='total'),
        ),
        migrations.AlterField(
            model_name='problem',
            name='connection_id',
            field=models.BigIntegerField(blank=True, help_text='The store of the problem, if it has one.', null=True),
        ),
        migrations.AlterField(
            model_name='problem',
            name='key',
            field=models.CharField(blank=True, help_text='Distinguishes problems of one code on one subject.', max_length=120),
        ),
        migrations.AlterField(
            model_name='problem',
            name='message',
            field=models.CharField(max_length=500, verbose_name='problem text'),
        ),
        migrations.AlterField(
            model_name='problem',
            name='resolved_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='resolved'),
        ),
    ]
