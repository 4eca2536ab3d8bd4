// What every page of ours in HTML carries with it: its style sheet and its script. The script only
// adds to the page: which number is under the pointer, and buttons that copy and save.
#pragma once

namespace glass {

inline constexpr const char* kPageStyle = R"css(
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --faded: #6b6b6b; --grid: #e2e2e2;
  --soft: #f5f5f2; --link: #0067a3; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181b; --ink: #e6e6e3; --faded: #a2a2a2;
  --grid: #3a3c41; --soft: #212327; --link: #6fb8ea; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 54rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .8rem 0; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { max-width: 44rem; overflow-wrap: anywhere; }
a { color: var(--link); }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }
svg { display: block; height: auto; }
.wide { overflow-x: auto; margin: .3rem 0; }
.gallery { display: flex; flex-wrap: wrap; gap: 12px 18px; }
.gallery svg { max-width: 100%; }
.fill-ink { fill: var(--ink); } .stroke-ink { stroke: var(--ink); }
.fill-paper { fill: var(--paper); } .stroke-paper { stroke: var(--paper); }
.fill-faded { fill: var(--faded); } .stroke-faded { stroke: var(--faded); }
.fill-grid { fill: var(--grid); } .stroke-grid { stroke: var(--grid); }
/* In the dark, what was pale is dark and what was dark is bright; hues stay. */
@media (prefers-color-scheme: dark) { .cells, .fill-cell, .strip span[style] {
  filter: invert(.92) hue-rotate(180deg); } }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--faded); font-weight: 600; }
thead th { border-bottom: 1px solid var(--grid); }
.right { text-align: right; } .centre { text-align: center; }
td, th, .strip span, figcaption { unicode-bidi: isolate; }
.strip { line-height: 1.9; max-width: none; }
.strip span { padding: .15rem .2rem; margin-right: 1px; border-radius: 2px; unicode-bidi: isolate; }
details { margin: .3rem 0 1rem; font-size: .9rem; color: var(--faded); }
details table { color: var(--ink); }
footer { margin-top: 1.6rem; padding: .7rem .9rem; background: var(--soft); border-radius: 6px;
  font-size: .85rem; color: var(--faded); overflow-wrap: anywhere; }
footer code { display: block; color: var(--ink); white-space: pre-wrap; margin-top: .3rem; }
button { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--grid);
  border-radius: 4px; padding: .1rem .6rem; margin: .4rem .5rem 0 0; cursor: pointer; }
#tip { position: fixed; pointer-events: none; z-index: 2; background: var(--ink);
  color: var(--paper); padding: .15rem .5rem; border-radius: 4px; font-size: .85rem;
  max-width: 80vw; white-space: pre-wrap; }
@media print { nav, button, details { display: none; } }
)css";

inline constexpr const char* kPageScript = R"js(
'use strict';
const tip = document.getElementById('tip');
const grids = new Map();
function read(cells) {
  let grid = grids.get(cells);
  if (grid) return grid;
  const bytes = atob(cells.dataset.cells), low = +cells.dataset.low, high = +cells.dataset.high;
  grid = { rows: JSON.parse(cells.dataset.rows), columns: JSON.parse(cells.dataset.columns),
    at(i) {
      const share = bytes.charCodeAt(2 * i) + 256 * bytes.charCodeAt(2 * i + 1);
      if (share === 65535) return 'no value';
      if (share > 65532) return share === 65534 ? 'inf' : '-inf';
      return (low + share / 65532 * (high - low)).toPrecision(4);
    } };
  grids.set(cells, grid);
  return grid;
}
document.addEventListener('pointermove', (event) => {
  const cells = event.target.closest ? event.target.closest('[data-cells]') : null;
  if (!cells) { tip.hidden = true; return; }
  const grid = read(cells), box = cells.getBoundingClientRect();
  const place = (at, from, length, n) =>
    Math.min(n - 1, Math.max(0, Math.floor((at - from) / length * n)));
  const r = place(event.clientY, box.top, box.height, grid.rows.length);
  const c = place(event.clientX, box.left, box.width, grid.columns.length);
  tip.textContent = grid.rows[r] + ', ' + grid.columns[c] + ': ' + grid.at(r * grid.columns.length + c);
  tip.hidden = false;
  const right = event.clientX + 14 + tip.offsetWidth > innerWidth;
  tip.style.left = Math.max(4, right ? event.clientX - 10 - tip.offsetWidth : event.clientX + 14) + 'px';
  tip.style.top = Math.max(4, event.clientY - 34) + 'px';
});
function copy(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  return Promise.resolve();
}
for (const button of document.querySelectorAll('button[data-copy], button[data-save]')) {
  button.hidden = false;
  button.addEventListener('click', () => {
    if (button.dataset.copy) {
      copy(document.getElementById(button.dataset.copy).textContent).then(() => {
        const words = button.textContent;
        button.textContent = 'copied';
        setTimeout(() => { button.textContent = words; }, 1500);
      });
      return;
    }
    const data = document.getElementById(button.dataset.save).textContent;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([data], { type: 'application/json' }));
    link.download = button.dataset.save + '.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
)js";

}   // namespace glass
