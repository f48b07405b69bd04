"""The shop page of a sandbox for people: frame, style, and generated pictures."""

from __future__ import annotations

import io
import zlib

from PIL import Image, ImageDraw

from channels.sandbox.server import Response

PIXELS = 240  # width and height of a generated picture
SHOWN = 40  # orders that a page shows; five times as many products
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h1{margin:.2rem 0}h2{margin-top:2rem}p.note{opacity:.75}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.low{color:#b3261e;font-weight:600}
td img{width:2.2rem;height:2.2rem;border-radius:.3rem}
.status{padding:.1rem .5rem;border-radius:1rem;background:#8883;white-space:nowrap}
button,select,a.b{font:inherit;padding:.25rem .7rem}form{display:inline}.wide{overflow-x:auto}
ol{margin:.2rem 0;padding-left:1.2rem;opacity:.8;font-size:.9em}
"""
#: Every two seconds both tables are updated, unless a person uses them.
SCRIPT = """
setInterval(async()=>{if(document.querySelector('details[open],select:focus,button:focus'))return;
const t=await (await fetch('/')).text();const d=new DOMParser().parseFromString(t,'text/html');
for(const i of ['products','orders'])document.getElementById(i).innerHTML=d.getElementById(i).innerHTML},2000)
"""


def page(title: str, body: str, *, is_live: bool = True) -> Response:
    """Return a page with this title and body, both HTML.

    A live page updates its elements `products` and `orders` automatically.
    """
    script = f"<script>{SCRIPT}</script>" if is_live else ""
    return Response.html(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} (sandbox)</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main>{script}</body></html>"
    )


def section(title: str, element: str, content: str) -> str:
    """Return a heading and a wide element with this id; `content` is HTML."""
    return f'<h2>{title}</h2><div class="wide" id="{element}">{content}</div>'


def not_found() -> Response:
    """Return the answer for a path that the page does not have."""
    return Response.html("<!DOCTYPE html><h1>Not found</h1>", 404)


def drawn(path: str, letters: str = "") -> Response:
    """Return a picture (JPEG) with these letters or a disc; its colour depends on the path."""
    hue = zlib.crc32(path.encode()) % 360
    picture = Image.new("RGB", (PIXELS, PIXELS), f"hsl({hue}, 35%, 82%)")
    pen, middle = ImageDraw.Draw(picture), PIXELS / 2
    if letters:
        pen.text(
            (middle, middle), letters, fill=f"hsl({hue}, 45%, 22%)", font_size=PIXELS * 0.35, anchor="mm"
        )
    else:
        pen.circle((middle, middle), PIXELS * 0.28, fill=f"hsl({hue}, 45%, 40%)")
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return Response(200, content.getvalue(), {"Content-Type": "image/jpeg"})
