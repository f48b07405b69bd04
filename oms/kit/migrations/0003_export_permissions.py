from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('kit', '0002_saved_views'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='job',
            options={'ordering': ('-id',), 'permissions': (('export_job', 'Can export jobs'),), 'verbose_name': 'job', 'verbose_name_plural': 'jobs'},
        ),
    ]
