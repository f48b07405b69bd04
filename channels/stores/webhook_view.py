"""The view that receives webhooks."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from channels.models import Connection
from channels.stores import webhooks

MAX_BODY = 1024 * 1024  # bytes


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, channel: str, pk: int) -> HttpResponse:
    """Store a verified webhook and answer immediately: 202 new, 200 stored already, 401 not genuine, 404 no such store."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    if length > MAX_BODY:
        return HttpResponse(status=413)
    if webhooks.is_limited(request):
        return HttpResponse(status=429, headers={"Retry-After": str(webhooks.FORGED_WINDOW)})
    connection = Connection.objects.connected().filter(pk=pk, channel=channel).first()
    if connection is None:
        return HttpResponse(status=404)
    try:
        new = webhooks.receive(connection=connection, headers=request.headers, body=request.body)
    except webhooks.Forged:
        webhooks.note_refused(connection)
        webhooks.count_forged(request)
        return HttpResponse(status=401)
    return HttpResponse(status=202 if new else 200)
