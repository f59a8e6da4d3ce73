"""The card in a real browser: nothing in it runs, nothing in it reaches out."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from auditkit.audit import Options, run_audit
from auditkit.report.card import render_card
from tests.report.html_tree import parse
from tests.report.report_records import HOSTILE, build, check, dataset, measure
from tests.report.robustness_records import (
    attack_check,
    attack_row,
    noise_check,
    robust,
    write_evidence,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM = CHROMIUM or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=2000",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

Browse = Callable[..., str]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Return what a page is in a browser once everything in it has run, as HTML."""

    def opened(page: str, *flags: str) -> str:
        file = tmp_path / "page.html"
        file.write_text(page, encoding="utf-8")
        assert CHROMIUM is not None
        done = subprocess.run(
            [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, file.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )
        return done.stdout.decode("utf-8")

    return opened


class Listener:
    """A local server that counts who calls."""

    def __init__(self) -> None:
        listener = self
        self.calls = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.calls += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def listener() -> Iterator[Listener]:
    told = Listener()
    thread = threading.Thread(target=told.server.serve_forever)
    thread.start()
    yield told
    told.server.shutdown()
    told.server.server_close()
    thread.join()


def callers(url: str) -> list[str]:
    """Words that call ``url`` if a page takes them for more than words."""
    return [
        f"<img src='{url}img'>",
        f"</title><script>fetch('{url}fetch')</script>",
        f"\"><link rel=stylesheet href='{url}css'>",
        f"</style><style>@import '{url}import';</style>",
        f"<iframe src='{url}frame'></iframe>",
        f"</svg><image href='{url}svg'>",
    ]


def title(dumped: str) -> str:
    """The title of a dumped page; the tree of a page that ran something may be anything."""
    return dumped.split("<title>", 1)[1].split("</title>", 1)[0]


def test_hostile_card_runs_nothing(browse: Browse, card: Callable[[str], str]) -> None:
    dumped = browse(card("hostile"), "--dump-dom")
    assert title(dumped).startswith("Audit of &lt;/title&gt;&lt;script&gt;")
    tree = parse(dumped)
    assert not list(tree.all("script", "img", "iframe"))
    assert not [name for node in tree.all() for name in node.attributes if name.startswith("on")]


def test_the_same_words_unescaped_do_run(browse: Browse) -> None:
    """The control: without escaping and policy the title is taken, so the test above can fail."""
    control = f"<!doctype html><title>untouched</title><body>{''.join(HOSTILE[:5])}"
    assert title(browse(control, "--dump-dom")) == "pwned"


def test_policy_stops_what_escaping_would_miss(browse: Browse, card: Callable[[str], str]) -> None:
    """A second wall: script planted into the finished page is refused by the page's own policy."""
    planted = card("pass").replace("<main", "<script>document.title='pwned'</script><main", 1)
    assert title(browse(planted, "--dump-dom")) == "Audit of models/bank-minilm: bank-messages"
    bare = planted.replace("Content-Security-Policy", "X-Nothing", 1)
    assert title(browse(bare, "--dump-dom")) == "pwned"


def test_card_calls_nobody(browse: Browse, listener: Listener) -> None:
    words = callers(listener.url)
    measurements = [
        measure("accuracy", 0.8, 0.7, 0.9, 90, slice={words[0]: word}, note=word) for word in words
    ]
    record = build(
        data=[dataset(groups={words[0]: dict.fromkeys(words, 90)}, notes=words)],
        checks=[check(measurements=measurements)],
        partial=words,
    )
    page = render_card(record)
    browse(page, "--dump-dom")
    assert listener.calls == 0
    # The control: the same words as markup do call, so the listener hears.
    browse(f"<!doctype html><title>x</title>{''.join(words)}", "--dump-dom")
    assert listener.calls > 0


def robust_card(folder: Path, words: list[str]) -> str:
    """A card with curves, gaps and texts, every fold of it open."""
    rows = [
        attack_row(k, word, f"{word} was {'good' * 30}", f"{word} was {'godo' * 30}", label=word)
        for k, word in enumerate(words)
    ]
    parts = write_evidence(folder, "attack", rows)
    record = robust(noise_check(remarks=words), attack_check(parts), examples="full")
    return render_card(record, folder).replace("<details>", "<details open>")


def test_changed_texts_run_nothing_and_call_nobody(
    browse: Browse, listener: Listener, tmp_path: Path
) -> None:
    dumped = browse(robust_card(tmp_path, [*callers(listener.url), *HOSTILE]), "--dump-dom")
    assert listener.calls == 0
    assert title(dumped).startswith("Audit of ")
    assert not list(parse(dumped).all("script", "img", "iframe", "link"))


def test_changed_texts_and_curves_fit_a_phone_and_paper(browse: Browse, tmp_path: Path) -> None:
    page = robust_card(tmp_path, ["deepwordbug", "x" * 60])
    wide, may_be = width_in_frame(browse, page, 390)
    assert wide <= may_be
    wide, may_be = width_in_frame(browse, page.replace("@media print", "@media all"), 688)
    assert wide <= may_be


def width_in_frame(browse: Browse, page: str, available: int) -> tuple[int, int]:
    """How wide a page is, and how wide it may be, in a window of so many pixels."""
    # The page forbids script, so a frame around it is what measures.
    inner = page.replace("&", "&amp;").replace('"', "&quot;")
    outer = f"""<!doctype html><title>?</title>
<iframe width={available} height=800 style="border:0" srcdoc="{inner}"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const page = frame.contentDocument.documentElement;
  document.title = page.scrollWidth + " of " + page.clientWidth;
}};
</script>"""
    wide, may_be = title(browse(outer, "--dump-dom")).split(" of ")
    # A vertical scroll bar may take some of it.
    assert available - 40 <= int(may_be) <= available
    return int(wide), int(may_be)


@pytest.mark.parametrize("name", ["fail", "huge", "unicode"])
def test_page_is_no_wider_than_a_phone(
    browse: Browse, card: Callable[[str], str], name: str
) -> None:
    """Tables and drawings scroll in their boxes; the page itself never scrolls sideways."""
    wide, may_be = width_in_frame(browse, card(name), 390)
    assert wide <= may_be


def test_paper_holds_every_column(browse: Browse, card: Callable[[str], str]) -> None:
    """A4 less its margins is 182 mm, 688 pixels; what is wider would be cut off."""
    on_paper = card("fail").replace("@media print", "@media all")
    assert on_paper != card("fail")
    wide, may_be = width_in_frame(browse, on_paper, 688)
    assert wide <= may_be


def test_card_prints(browse: Browse, card: Callable[[str], str], tmp_path: Path) -> None:
    target = tmp_path / "card.pdf"
    browse(card("fail"), f"--print-to-pdf={target}", "--no-pdf-header-footer")
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert 3 <= content.count(b"/Type /Page\n") <= 12


def test_an_audit_of_hostile_data_makes_a_card_that_runs_nothing(
    browse: Browse, checkpoint: Path, tmp_path: Path
) -> None:
    """From the file to the card: markup in texts, ids, groups, their column and the suite."""
    take = "document.title='taken'"
    payloads = [
        f"<script>{take}</script>",
        f"<img src=x onerror={take}>",
        f"</title><svg onload={take}>",
        f'"><iframe srcdoc="<script>parent.{take}</script>">',
    ]
    column = f"<img src=x onerror={take}>"
    rows = [
        {"t": f"bafe {payload} {place}", "y": "good", "id": f"{payload}{place}", column: payload}
        for place in range(40)
        for payload in payloads
    ]
    data = tmp_path / "hostile.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    suite = tmp_path / "hostile.yaml"
    suite.write_text(
        json.dumps(
            {
                "auditkit": 1,
                "task": "text-classification",
                "data": {"path": str(data), "text": "t", "label": "y", "id": "id"}
                | {"groups": [column]},
                "checks": {"performance": {}},
                "requirements": [
                    {"metric": "performance.accuracy.gap", "where": {"group": column}, "max": 0.5}
                ],
                "card": {"intended_use": payloads[0], "contact": payloads[3]},
            }
        ),
        encoding="utf-8",
    )
    run = run_audit(suite, str(checkpoint), Options(output=tmp_path / "run"))
    card = (run.folder / "card.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in card
    dumped = browse(card, "--dump-dom")
    assert title(dumped).startswith("Audit of ")
    tree = parse(dumped)
    assert not list(tree.all("script", "img", "iframe"))
    assert not [name for node in tree.all() for name in node.attributes if name.startswith("on")]
