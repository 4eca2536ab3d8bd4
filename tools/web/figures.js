// One component for each kind of figure that interp/page/page_json.cpp writes. figure(said) makes
// the element; what a figure means is said in interp/draw/figure.h.
import { colour_of, css, ink_for } from './colours.js';
import { diagram } from './diagram.js';
import { el, ground, on_scheme, picture } from './dom.js';
import { colour_bar, gallery, heatmap, numbers_behind } from './heatmap.js';
import { exact, floats } from './numbers.js';
import { bars, chart } from './plots.js';

function paragraph(said) {
  return el('div', { class: 'words' }, said.text.split('\n').filter(Boolean)
    .map((line) => el('p', {}, line)));
}

function table(said) {
  const align = (c) => said.align[c] ?? 'left';
  return el('figure', { class: 'figure table' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null,
    el('div', { class: 'wide', tabindex: 0 }, el('table', { 'aria-label': said.title || null },
      el('thead', {}, el('tr', {}, said.columns.map((name, c) =>
        el('th', { scope: 'col', class: align(c) }, name)))),
      el('tbody', {}, said.rows.map((row) => el('tr', {}, row.map((text, c) =>
        el('td', { class: align(c) }, text))))))),
    said.rows.length ? null : el('p', {}, 'nothing to show'));
}

// The tokens of a text over a range of colours; paint() colours them by other numbers.
export function token_line(tokens) {
  const spans = tokens.map((token) => el('span', { class: 'token' }, token));
  const node = el('p', { class: 'strip' });
  spans.forEach((span, i) => node.append(span,
    tokens[i].endsWith('\\n') ? el('br') : document.createElement('wbr')));
  let painted = [];   // what was asked for last
  const paint = (...wanted) => {
    const [values, colours, range] = painted = wanted;
    spans.forEach((span, i) => {
      const under = values ? colour_of(colours, range, values[i], ground()) : null;
      span.style.background = under ? css(under) : '';
      span.style.color = under ? ink_for(under) : '';
      span.title = under ? exact(values[i]) : '';
    });
  };
  on_scheme(node, () => paint(...painted));
  return { node, spans, paint };
}

// The numbers of a strip: a row for each token.
export function strip_table(said) {
  const values = floats(said.values);
  return el('div', { class: 'wide', tabindex: 0 }, el('table', {},
    el('caption', {}, said.title), el('tbody', {}, said.tokens.map((token, i) => el('tr', {},
      el('th', { scope: 'row' }, token),
      el('td', { class: 'right' }, Number.isNaN(values[i]) ? '' : exact(values[i])))))));
}

function strip(said) {
  const values = floats(said.values), line = token_line(said.tokens);
  return el('figure', { class: 'figure' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null,
    picture(line.node, () => line.paint(values, said.colours, said.range)),
    said.only_marks ? null : colour_bar(said),
    said.tokens.length ? numbers_behind(() => [strip_table(said)])
      : el('p', {}, 'nothing to show'));
}

const kKinds = { paragraph, heatmap, gallery, bars, table, strip, diagram, chart };

export function figure(said, ...more) {
  const make = kKinds[said.kind];
  return make ? make(said, ...more) : el('p', {}, `this page cannot draw a ${said.kind}`);
}
