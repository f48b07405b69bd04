"""Screenshots of every page of staff at the width of a desk and of a phone; and those of two versions side by side.

    SHOOT_PASSWORD=… python contrib/screenshots/shoot.py http://127.0.0.1:8000 build/screens/after
    python contrib/screenshots/shoot.py --join build/screens/before build/screens/after build/screens/both

The pages are found by their links, from Home on, one page of each kind: keys in an address are the same page. So it works
on every version that runs, and changes nothing: it only follows links. The server is one of `make run`, or one with the
demo (`manage.py loaddata demo`). `OMS_CHROMIUM` names the browser; the person is `--user` (default: admin).
A page or a table that is too wide, and a page that answers with an error, is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Error, Page, ViewportSize, sync_playwright

SIZES: dict[int, ViewportSize] = {1440: {"width": 1440, "height": 900}, 390: {"width": 390, "height": 844}}
#: Addresses that sign out, are files or data, or lead to Django's pages of packages.
NO_PAGE = re.compile(
    r"logout|/(file|template|count|views|progress|r|of)/|\.(webp|json|csv|xlsx|pdf)$|django_q|/axes/|/otp_"
)
KEY = re.compile(r"/[0-9a-f-]{32,36}(?=/)|/\d+(?=/)")
MOST_PAGES = 250
TALLEST = 2600  # pixels of a picture; the rest of a page is more of the same
NUMBER_OF_ROWS = """() => [...document.querySelectorAll('main table.d-table tbody tr, main table tbody tr')]
    .filter((row) => { const box = row.getBoundingClientRect(); return box.height > 0 && box.bottom <= innerHeight; }).length"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Tables that are wider than their card, and by how much: something in them is out of sight.
WIDE_TABLES = """() => [...document.querySelectorAll('table')].map((t) => t.getBoundingClientRect().width - t.parentElement.clientWidth)
    .filter((more) => more > 2).map(Math.round)"""
LINKS = "() => [...document.querySelectorAll('a[href]')].map((a) => a.href)"


def kind_of(address: str) -> str:
    """Return what pages of one kind share: the path with its keys replaced."""
    return KEY.sub("/N", urlsplit(address).path)


def file_name(kind: str) -> str:
    """Return the name of the picture of this kind of page, without its width and ending."""
    return kind.strip("/").removeprefix("admin").strip("/").replace("/", ".") or "home"


def sign_in(page: Page, url: str, user: str) -> None:
    page.goto(f"{url}/admin/login/?next=/admin/")
    page.fill('input[name="username"]', user)
    page.fill('input[name="password"]', os.environ["SHOOT_PASSWORD"])
    page.press('input[name="password"]', "Enter")
    page.wait_for_url(lambda address: "/login" not in address)


def shoot(url: str, folder: Path, user: str) -> None:
    """Write `<page>.<width>.png` of every kind of page that links lead to."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("OMS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport=SIZES[1440], locale="en-GB").new_page()
        page.set_default_timeout(30_000)
        sign_in(page, url, user)
        waiting, seen = [f"{url}/admin/"], {kind_of(f"{url}/admin/")}
        while waiting and len(seen) <= MOST_PAGES:
            address = waiting.pop(0)
            try:
                take(page, address, folder)
            except Error as error:  # a file to download, a page that does not come
                print(f"{address}: {error.message.splitlines()[0]}", flush=True)
                continue
            for link in page.evaluate(LINKS):
                if not link.startswith(f"{url}/admin/") or NO_PAGE.search(link):
                    continue
                if (kind := kind_of(link)) not in seen:
                    seen.add(kind)
                    waiting.append(link.partition("#")[0])
        browser.close()


def take(page: Page, address: str, folder: Path) -> None:
    """Take the pictures of one page at both widths; print what is wrong with it."""
    kind = kind_of(address)
    page.set_viewport_size(SIZES[1440])
    answer = page.goto(address, wait_until="load")
    if answer is None or not answer.ok:
        print(f"{kind}: status {answer.status if answer else 'none'}", flush=True)
        return
    rows = page.evaluate(NUMBER_OF_ROWS)
    for more in page.evaluate(WIDE_TABLES):
        print(f"{kind}: a table is {more} px wider than its card", flush=True)
    for width, size in SIZES.items():
        page.set_viewport_size(size)
        page.wait_for_timeout(150)
        if (more := page.evaluate(TOO_WIDE)) > 0:
            print(f"{kind}: at {width} px it is {more} px wider than its window", flush=True)
        page.screenshot(path=folder / f"{file_name(kind)}.{width}.png", full_page=True, animations="disabled")
    print(f"{kind}: {rows} rows in the first window" if rows else kind, flush=True)


def join(before: Path, after: Path, folder: Path) -> None:
    """Write the pictures of both folders side by side; a page that one does not have is drawn alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted({path.name for path in [*before.glob("*.png"), *after.glob("*.png")]}):
        found = [Image.open(part / name) for part in (before, after) if (part / name).is_file()]
        pictures = [picture.crop((0, 0, picture.width, min(picture.height, TALLEST))) for picture in found]
        both = Image.new(
            "RGB", (sum(p.width + 20 for p in pictures), max(p.height for p in pictures)), "magenta"
        )
        left = 0
        for picture in pictures:
            both.paste(picture, (left, 0))
            left += picture.width + 20
        both.save(folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--join", action="store_true", help="join the pictures of two folders into a third")
    parser.add_argument("--user", default="admin")
    parser.add_argument("places", nargs="+", help="address and folder, or the three folders")
    given = parser.parse_args()
    if given.join:
        join(*map(Path, given.places))
    elif "SHOOT_PASSWORD" not in os.environ:
        sys.exit("Set SHOOT_PASSWORD to the password of the person who signs in.")
    else:
        shoot(given.places[0].rstrip("/"), Path(given.places[1]), given.user)


if __name__ == "__main__":
    main()
