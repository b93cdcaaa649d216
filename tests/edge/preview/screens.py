"""What is measured of the page on a screen: does it fit, does anything overlap, can it be touched and read?"""

from __future__ import annotations

from typing import Any

from .conftest import wait_for
from .driving import Page

PHONE = (390, 844)
SIZES = (PHONE, (360, 640), (768, 1024), (1280, 800))
TOUCH = 48  # pixels, the least that a gloved finger meets
READABLE, LARGE = 4.5, 3.0  # contrast by WCAG 2.2, of text and of large text
_SEEN = """
const seen = (e) =>
  e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getClientRects().length > 0;
const root = document.querySelector("dialog[open]") ?? document.body;
const name = (e) => e.id ? "#" + e.id : `${e.tagName.toLowerCase()}.${e.className} in ${e.parentElement.id}`;
const box = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
const strip = (e) => e.closest("#captures, #visits-list, #asked-list, #worklist");
"""
_FITS = (
    _SEEN
    + """
const scroll = document.scrollingElement, dialog = document.querySelector("dialog[open]");
return {
  page: [scroll.scrollWidth, scroll.scrollHeight], inner: [innerWidth, innerHeight],
  dialog: dialog ? box(dialog) : null, inside: dialog ? [dialog.scrollHeight, dialog.clientHeight] : [0, 0],
  small: [...root.querySelectorAll("button, select, input, summary")].filter(seen)
    .map((e) => [name(e), e.closest("label")?.querySelector("[type=checkbox], [type=radio]") ? e.closest("label") : e])
    .map(([n, e]) => [n, e.getBoundingClientRect().width, e.getBoundingClientRect().height]),
  cut: [...root.querySelectorAll("h2, h3, p, b, span, button, label")].filter(seen)
    .filter((e) => e.children.length === 0 && e.textContent.trim())
    .filter((e) => getComputedStyle(e).textOverflow !== "ellipsis")
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline").map(name),
};
"""
)
# Of what is not inside one another: overlays of the picture lie over it on purpose, and what a list has scrolled away
# lies under its neighbours.
_OVERLAPS = (
    _SEEN
    + """
const parts = [...root.querySelectorAll(
  "#who, #menu, #warning, #stage, #score, #adequacy, #hint, #history, .eye, #eye-said, #acts button, #kept-head, " +
  "#captures, dialog[open] :is(button, input, select, h2, img, p)")]
  .filter(seen).filter((e) => !strip(e) || e.id === "captures");
const found = [];
parts.forEach((a, i) => parts.slice(i + 1).forEach((b) => {
  if (a.contains(b) || b.contains(a) || a.closest(".foot") || b.closest(".foot")) return;
  const [p, q] = [box(a), box(b)];
  if (Math.min(p[2], q[2]) - Math.max(p[0], q[0]) > 1 && Math.min(p[3], q[3]) - Math.max(p[1], q[1]) > 1)
    found.push(`${name(a)} over ${name(b)}`);
}));
return found;
"""
)
_FAINT = (
    _SEEN
    + """
const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return [...n.slice(0, 3), n[3] ?? 1]; };
const over = (top, low) => [0, 1, 2].map((i) => top[i] * top[3] + low[i] * (1 - top[3])).concat(1);
const light = (c) => {
  const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (e) => {
  const layers = [];
  for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((low, top) => over(top, low), [11, 13, 16, 1]);
};
const faint = [];
const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.textContent.trim() || !seen(e) || e.closest("noscript, option")) continue;
  let opacity = 1;
  for (let p = e; p; p = p.parentElement) opacity *= Number(getComputedStyle(p).opacity);
  const style = getComputedStyle(e), low = ground(e), colour = parse(style.color);
  const shown = over([...colour.slice(0, 3), colour[3] * opacity], low);
  const [a, b] = [light(shown), light(low)].sort((x, y) => y - x), pixels = parseFloat(style.fontSize);
  const large = pixels >= 24 || (pixels >= 18.66 && Number(style.fontWeight) >= 700);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < (large ? arguments[1] : arguments[0])) faint.push([name(e), e.textContent.trim().slice(0, 30), ratio]);
}
return faint;
"""
)
# All three in one question to the browser: asking takes longer than answering.
_ALL = f"return [(() => {{{_FITS}}})(), (() => {{{_OVERLAPS}}})(), (() => {{{_FAINT}}})()];"


def resize(page: Page, width: int, height: int) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True},
    )
    wait_for(lambda: page.run("return [innerWidth, innerHeight]") == [width, height])


def speak(page: Page, language: str) -> None:
    page.run(
        "const s = document.getElementById('language'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))",
        language,
    )
    wait_for(lambda: page.run("return document.documentElement.lang") == language)


def hold(page: Page, where: str, *, scrolls: bool = False) -> None:
    """Check one state on the screen of now: one screen, nothing over another, large enough, readable."""
    seen: dict[str, Any]
    seen, overlaps, faint = page.run(_ALL, READABLE, LARGE)
    width, height = seen["inner"]
    assert seen["page"][0] <= width, f"{where}: the page is wider than the screen"
    assert scrolls or seen["page"][1] <= height, f"{where}: the page scrolls, {seen['page'][1]} pixels of {height}"
    if seen["dialog"] is not None:
        left, top, right, bottom = seen["dialog"]
        assert left >= 0, where
        assert top >= 0, where
        assert right <= width, where
        assert bottom <= height, where
    small = [(name, w, h) for name, w, h in seen["small"] if min(w, h) < TOUCH - 0.5]
    assert not small, f"{where}: too small for a finger: {small}"
    assert not seen["cut"], f"{where}: cut off: {seen['cut']}"
    assert overlaps == [], where
    assert faint == [], where


def say_nothing(page: Page) -> None:
    """Take away the sentence that comes and goes over the picture."""
    page.run("document.getElementById('said').textContent = ''")
