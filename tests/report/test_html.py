"""The HTML report: complete, self-contained, and safe against the names in it."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

from generated.finished_runs import AUDIT, HOSTILE, generated_run

from stresstest.report.facts import facts
from stresstest.report.html import heads, render_html
from stresstest.report.parts import Column
from stresstest.report.view import ReportFacts
from stresstest.tables import REPORT_TABLES

VOID = {"meta", "col", "br", "wbr", "link", "img", "input"}


class Page(HTMLParser):
    """Collects tags and attributes, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_it_loads_nothing(venue_html: str) -> None:
    page = Page(venue_html)
    assert not page.open
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#") or "download" in attributes, (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert set(re.findall(r"url\(([a-z]*:[a-z/0-9]*)", venue_html)) == {"data:font/woff2"}
    assert "http" not in venue_html
    assert "@import" not in venue_html


def test_pages_whose_tables_a_run_has_not_made_say_so(tmp_path: Path) -> None:
    folder = generated_run(tmp_path / "run", accounts=30)
    for table in REPORT_TABLES:
        (folder / f"{table.name}.parquet").unlink(missing_ok=True)
    text = render_html(facts(folder, AUDIT))
    assert text.count("Not computed: a run of a large book makes what stands here only where html or pdf is asked for.") == 5
    ids = [attributes["id"] for _, attributes in Page(text).tags if "id" in attributes]
    assert {"owners", "segments", "collateral", "statistics", "account-pages"} <= set(ids)


def test_it_has_every_section_with_as_of_and_units(venue_html: str) -> None:
    page = Page(venue_html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    wanted = ["summary", "charts", "scenarios", "accounts", "heat-map", "owners", "segments", "collateral", "statistics", "funding"]
    wanted += ["account-pages", *(f"account-{rank}" for rank in range(1, 11)), "quality", "methodology", "audit"]
    assert ids == wanted
    anchors = {(attributes.get("href") or "")[1:] for tag, attributes in page.tags if tag == "a" and "download" not in attributes}
    assert anchors == {name for name in ids if not re.match(r"account-\d", name)}
    captions = re.findall(r"<figcaption>.*?</figcaption>", venue_html, re.DOTALL)
    assert len(captions) == 23  # cover, four by scenario, heat map, two each of collateral, statistics and liquidity, segments, ten waterfalls
    assert all("as of 2026-11-19 16:00 UTC" in caption for caption in captions)
    assert "USD k" in venue_html


def test_same_facts_same_text(venue_facts: ReportFacts, venue_html: str) -> None:
    assert render_html(venue_facts) == venue_html


def test_hostile_names_are_text(hostile_facts: ReportFacts) -> None:
    text = render_html(hostile_facts)
    page = Page(text)
    assert not page.open
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not {tag for tag, _ in page.tags} & {"img", "iframe", "link"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7 * 7 }}" in text
    assert "\u202e" not in text
    assert "\\u202e" in text
    assert "\x00" not in text
    shown = "".join(page.text)
    assert "Emoji 🚀🔥 & Söhne Łódź Ωμέγα" in shown
    assert HOSTILE[3] in shown
    # 200 signs without a break are shortened where they are shown and whole in the title
    assert any(attributes.get("title") == "X" * 200 for _, attributes in page.tags)
    assert all("X" * 70 not in re.sub(r"<[^>]*>", "", name) for name in re.findall(r'class="text name[^>]*>(.*?)</td>', text))


def test_text_of_data_takes_its_own_direction(hostile_facts: ReportFacts) -> None:
    assert re.search(r'<td class="text[^"]*" dir="auto">شركة', render_html(hostile_facts))


def test_runs_without_anything_to_show_still_render(tmp_path: Path) -> None:
    calm = render_html(facts(generated_run(tmp_path / "calm", accounts=30, calm=True, resources=None), AUDIT))
    assert "Nothing to report: no account falls below its maintenance margin in any of 24 headline scenarios; 30 accounts checked." in calm
    none = render_html(facts(generated_run(tmp_path / "none", accounts=30, headline=False, others=0), AUDIT))
    assert "No headline scenario was run, so only the base was judged: " in none


def test_a_folder_of_the_user_takes_the_place_of_shipped_files(venue_facts: ReportFacts, tmp_path: Path) -> None:
    (tmp_path / "report.css").write_text("body { color: teal }")
    own = render_html(venue_facts, tmp_path)
    assert "body { color: teal }" in own
    assert "tabular-nums" not in own
    assert "Worst accounts" in own


def test_neighbours_of_a_group_share_a_head() -> None:
    columns = [Column("a", "text", 1), Column("b", "number", 1, "", "G"), Column("c", "number", 1, "", "G"), Column("d", "number", 1, "", "H")]
    assert [(head.index, head.group, head.span) for head in heads(columns)] == [(0, "", 1), (1, "G", 2), (3, "H", 1)]


def test_result_json_is_inside_to_be_saved(venue: Path, venue_html: str) -> None:
    (address,) = re.findall(r'<a download="result.json" href="data:application/json;base64,([^"]*)">', venue_html)
    assert base64.b64decode(address) == (venue / "result.json").read_bytes()
