// Attention: all heads side by side; a click enlarges one. The text above the heads is linked with
// them: point at a token to see where it looks, in the mean of all heads or in one of them.
import { analysis_page, example } from './analysis.js';
import { clear, el } from './dom.js';
import { figure, token_line } from './figures.js';
import { Link } from './heatmap.js';
import { provenance } from './result.js';

// Head "1.0" of the list, or the mean of all of them, as rows of [query][key].
function pattern_of(data, wanted) {
  const rows = data.tokens.map(() => new Float64Array(data.tokens.length));
  let heads = 0;
  data.attention.forEach((layer, l) => layer.forEach((head, h) => {
    if (wanted !== 'mean' && wanted !== `${data.layers[l]}.${data.heads[h]}`) return;
    heads += 1;
    head.forEach((row, q) => row.forEach((value, k) => { rows[q][k] += value ?? 0; }));
  }));
  return rows.map((row) => row.map((value) => value / Math.max(heads, 1)));
}

// Up to what float32 leaves of a number.
function alike(value, most) {
  return Math.abs(value - most) <= 1e-5 * most;
}

// The text of the prompt; who is pointed at shows where it looks.
function reader(data, link) {
  const names = data.layers.flatMap((l) => data.heads.map((h) => `${l}.${h}`));
  const select = el('select', { 'aria-label': 'whose attention' },
    el('option', { value: 'mean' }, 'the mean of all heads'),
    names.map((name) => el('option', { value: name }, `head ${name}`)));
  const line = token_line(data.tokens);
  const remark = el('p', { class: 'remark' });
  let rows = pattern_of(data, 'mean'), query = data.tokens.length - 1;
  const paint = () => {
    const most = Math.max(...rows[query], 1e-9);
    line.paint(rows[query].map((value, k) => (k <= query ? value : NaN)), 'rising', [0, most]);
    line.spans.forEach((span, i) => span.classList.toggle('asked', i === query));
    const best = Math.max(rows[query].findIndex((value) => alike(value, most)), 0);
    const others = rows[query].filter((value) => alike(value, most)).length - 1;
    const ties = others < 1 ? '' : `, and as much at ${others > 1 ? `${others} others` : 'another'}`;
    remark.textContent = `Token ${query} (${data.tokens[query]}) looks most at token ` +
      `${best} (${data.tokens[best]})${ties}: ${most.toFixed(3)}`;
  };
  const ask = (token) => { query = token; paint(); };
  line.spans.forEach((span, i) => {
    span.tabIndex = 0;
    span.setAttribute('role', 'button');
    span.addEventListener('pointerenter', () => { ask(i); link.point(i, -1); });
    span.addEventListener('focus', () => ask(i));
  });
  select.addEventListener('change', () => { rows = pattern_of(data, select.value); paint(); });
  link.heard = (row) => { if (row >= 0) ask(row); };
  paint();
  return el('section', { class: 'figure reader' }, el('h3', {}, 'Where a token looks'),
    el('p', { class: 'remark' }, 'Point at a token, or move through them with the Tab key. ',
      select),
    line.node, remark);
}

// The galleries of the layers as one, where one range of colours holds for all.
function all_heads(figures) {
  const layers = figures.filter((said) => said.kind === 'gallery');
  const maps = layers.flatMap((layer) => layer.maps);
  const range = (map) => map.range.join();
  if (layers.length < 2 || maps.some((map) => range(map) !== range(maps[0]))) return figures;
  const whole = { kind: 'gallery', title: 'All heads, a row for each layer', maps };
  const rest = figures.filter((said) => !layers.includes(said));
  return [...rest.filter((said) => figures.indexOf(said) < figures.indexOf(layers[0])), whole,
    ...rest.filter((said) => figures.indexOf(said) > figures.indexOf(layers[0]))];
}

// Attention to a long text is thin everywhere; over a range of its own, each row shows its best.
let each_row = false;

function draw(figures, data, link) {
  const unit = 'of the largest in its row';
  const over_rows = (map) => (each_row ? { ...map, each_row, unit } : map);
  const drawn = all_heads(figures).map((said) => (said.kind === 'gallery'
    ? figure({ ...said, maps: said.maps.map(over_rows) }, link) : figure(said)));
  for (const maps of drawn.flatMap((node) => [...node.querySelectorAll('.maps')])) {
    if (maps.childElementCount <= data.heads.length) continue;
    maps.classList.add('by-layer');
    maps.style.setProperty('--columns', data.heads.length);
  }
  return drawn;
}

function show(node, { page, data }) {
  const link = new Link(), figures = el('div', {});
  const box = el('input', { type: 'checkbox', checked: each_row, 'data-option': 'each-row' });
  const redraw = () => {
    link.maps = [];
    clear(figures).append(...draw(page.figures, data, link));
  };
  box.addEventListener('change', () => { each_row = box.checked; redraw(); });
  const choice = page.figures.some((said) => said.kind === 'gallery' &&
    said.maps.every((map) => map.colours === 'rising'));
  redraw();
  clear(node).append(el('h2', {}, page.title), reader(data, link),
    choice ? el('label', { class: 'remark' }, box, ' each row over colours of its own') : '',
    figures, provenance(page));
}

export const attention_page = analysis_page({ id: 'attention', title: 'Attention',
  lead: 'Where does each head look? Rows are tokens that look back, columns are what they look ' +
    'at; a row adds up to 1.',
  start: example,
  extras: ({ model }) => ({ head: { choices: Array.from({ length: model.heads },
    (_, h) => [String(h), String(h)]) } }), show });
