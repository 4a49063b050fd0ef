"""What people need of a page, measured in the page itself: contrast of its text, and controls that keys reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEAST = 4.5
"""Contrast of text to what is behind it (WCAG 2.2, AA)."""
FAINT = """
(least) => {
  const mix = (over, under) => over.slice(0, 3).map((c, k) => c * over[3] + under[k] * (1 - over[3])).concat(1);
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const rgba = (text) => {
    if (!known.has(text)) {
      const match = text.match(/^rgba?\\(([\\d.]+), ([\\d.]+), ([\\d.]+)(?:, ([\\d.]+))?\\)$/);
      if (match) known.set(text, [1, 2, 3].map((k) => +match[k]).concat(match[4] === undefined ? 1 : +match[4]));
      else {
        probe.clearRect(0, 0, 1, 1); probe.fillStyle = text; probe.fillRect(0, 0, 1, 1);
        const d = probe.getImageData(0, 0, 1, 1).data;
        known.set(text, [d[0], d[1], d[2], d[3] / 255]);
      }
    }
    return known.get(text);
  };
  const light = (c) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const c = rgba(getComputedStyle(one).backgroundColor);
      if (c[3]) layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((under, over) => mix(over, under), [255, 255, 255, 1]);
  };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = [];
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent;
    if (text.trim()) seen.push([walk.currentNode.parentElement, text]);
  }
  for (const input of document.querySelectorAll('input, textarea')) if (input.value) seen.push([input, input.value]);
  for (const [element, text] of seen) {
    if (element.closest('style, script, [disabled], .disabled, #popup, title')) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || box.right < 0 || box.bottom < 0) continue;
    const style = getComputedStyle(element);
    const under = behind(element);
    const svg = element.namespaceURI.endsWith('svg');
    let colour = rgba(svg ? style.fill : style.color);
    let opacity = 1;
    for (let one = element; one; one = one.parentElement) opacity *= +getComputedStyle(one).opacity;
    let ground = under;
    if (svg) {  // text on a shape of its group
      const shape = element.parentElement.querySelector('circle, polygon, rect');
      if (shape && !element.classList.contains('badge')) ground = mix(rgba(getComputedStyle(shape).fill), under);
    }
    const front = mix([...colour.slice(0, 3), colour[3] * opacity], ground);
    const [high, low] = [light(front), light(ground)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const where = `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') || ''}">`;
    if (ratio < least) found.add(`${ratio.toFixed(2)}: '${text.trim().slice(0, 40)}' ${where}`);
  }
  return [...found];
}
"""
CONTROLS = """
() => {
  const wanted = 'a[href], button, input, select, textarea, [tabindex], [role=button], [role=switch], [role=combobox]';
  const all = [...document.querySelectorAll(wanted)].filter((one) =>
    one.tabIndex >= 0 && !one.disabled && !one.closest('[disabled], .disabled, #popup, .q-notifications')
    && one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().width > 0);
  all.forEach((one, k) => one.setAttribute('data-control', k));
  return all.map((one) => `${one.tagName.toLowerCase()} ${one.getAttribute('aria-label') || one.innerText?.slice(0, 40)
    || one.className}`);
}
"""
FOCUSED = """
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  let seen = false;
  for (let up = one, k = 0; up && k < 6 && !seen; up = up.parentElement, k++) {
    const style = getComputedStyle(up);
    const box = up.getBoundingClientRect();
    const ring = style.boxShadow.match(/0px 0px 0px ([\\d.]+)px/);
    seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || ring && +ring[1] >= 2)
      && +style.opacity > 0.5 && box.width > 12 && box.height > 12;
  }
  const box = one.getBoundingClientRect();
  const top = one.closest('header') ? null : document.querySelector('header').getBoundingClientRect();
  const name = one.getAttribute('aria-label') || one.innerText?.slice(0, 40) || one.className;
  const inside = box.bottom > (top ? top.bottom : 0) && box.top < innerHeight;
  return { control: one.getAttribute('data-control'), seen, inside,
    words: `${one.tagName.toLowerCase()} ${name}` };
}
"""


def faint(page: Page) -> list[str]:
    """Text with too little contrast, each with its contrast; canvases are left out, which use the same colours."""
    return [str(one) for one in page.evaluate(FAINT, LEAST)]


def out_of_reach(page: Page) -> list[str]:
    """Controls that Tab does not come to, or that do not show that they have the focus."""
    names: list[str] = page.evaluate(CONTROLS)
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0) }")
    reached: set[int] = set()
    unseen: list[str] = []
    for _ in range(3 * len(names) + 10):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None or at["control"] is None:
            if len(reached) == len(names):
                break
            continue
        if int(at["control"]) in reached and len(reached) == len(names):
            break
        reached.add(int(at["control"]))
        if not at["seen"]:
            unseen.append(f"focus is not seen: {at['words']}")
        if not at["inside"]:
            unseen.append(f"focus is outside of the window: {at['words']}")
    missed = [f"never reached: {name}" for k, name in enumerate(names) if k not in reached]
    return missed + sorted(set(unseen))
