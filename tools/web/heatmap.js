// Heatmaps and galleries of them. Up to 64 x 64 cells are shapes of an SVG (16 x 16 in galleries,
// which have many); larger maps are a canvas with one pixel a cell. Pointer and arrow keys show the
// exact number; Enter or a click enlarges.
//
// Labels never touch: where cells are small only each n-th is written, long names of columns stand
// upright, and what has no room at all is left to the pointer.
import { colour_at, colour_of, css, ink_for } from './colours.js';
import { el, fitted, ground, hide_tip, picture, say, show_tip, svg, widest, width_of }
  from './dom.js';
import { exact, floats, largest_of, short_number } from './numbers.js';

const kLineOfLabels = 13;
const kFewRows = 8;   // each with its name, however small the cells

// shapes: of a side; larger maps are a canvas.
const kDrawing = { cell: 26, tallest: 640, labels: true, shapes: 64 };
const kThumbnail = { cell: 24, tallest: 200, labels: 'whole', shapes: 16 };
const kEnlarged = { cell: 46, tallest: 900, labels: true, shapes: 64 };

// ---- where things stand -------------------------------------------------------------------------

function step_of(cell) {
  return Math.max(1, Math.ceil(kLineOfLabels / cell));
}

function words_of(map) {
  if (map.texts) return map.texts;
  if (!map.numbers) return [];
  const most = largest_of(map.values);
  return Array.from(map.values, (value) => short_number(value, most));
}

// A thumbnail has labels only where each of them has its place.
function lay_out(map, width, limits) {
  const l = try_layout(map, width, limits);
  const whole = l.row_step === 1 && l.column_step === 1 && !l.upright && l.names < width * 0.25;
  return limits.labels !== 'whole' || whole ? l
    : try_layout(map, width, { ...limits, labels: false });
}

function try_layout(map, width, limits) {
  const columns = Math.max(map.columns.length, 1), rows = Math.max(map.rows.length, 1);
  const words = limits.labels === true ? words_of(map) : [];
  const axes = limits.labels === true, l = { words };
  l.names = limits.labels ? Math.min(widest(map.rows), width * 0.3) : 0;
  l.x = (map.row_axis && axes ? 17 : 0) + l.names + (l.names > 0 ? 7 : 0);
  const room = Math.max(width - l.x - 8, 8);
  const word = words.length ? widest(words) + 9 : 0;
  l.cell_width = Math.min(room / columns, Math.min(96, Math.max(limits.cell, word)));
  if (rows === columns) l.cell_width = Math.min(l.cell_width, Math.max(limits.tallest / rows, 1.5));
  const square = Math.min(l.cell_width, limits.cell);
  l.cell_height = Math.max(Math.min(square, limits.tallest / rows), 1.5);
  if (axes && rows <= kFewRows) l.cell_height = Math.max(l.cell_height, kLineOfLabels + 1);
  if (words.length) l.cell_height = Math.max(l.cell_height, Math.min(20, l.cell_width));
  l.words_fit = words.length > 0 && l.cell_width >= 18 && l.cell_height >= 12;
  l.size = 11;
  if (!map.texts && word - 5 > l.cell_width) {   // numbers are whole or not there at all
    l.size = 9;
    l.words_fit = l.words_fit && widest(words, 9) + 2 <= l.cell_width;
  }
  l.row_step = step_of(l.cell_height);
  l.column_step = step_of(l.cell_width);
  l.level_room = l.cell_width * l.column_step - 4;
  const long = map.columns.filter((name) => width_of(name) > l.level_room).length;
  l.upright = long > 0.1 * columns;
  const label = limits.labels ? widest(map.columns) : 0;
  l.column_names = label === 0 ? 0 : l.upright ? Math.min(label, 84) + 6 : 16;
  l.y = l.column_names + (map.column_axis && axes ? 16 : 0) + 1;
  l.width = l.cell_width * map.columns.length;
  l.height = l.cell_height * map.rows.length;
  // Beside the cells; where they are few, the name of the rows reaches above and below them.
  const name = axes && map.row_axis ? width_of(map.row_axis) / 2 + 2 : 0;
  l.axis = Math.max(l.y + l.height / 2, name);
  l.bottom = Math.max(l.y + l.height, l.axis + name) + 2;
  l.limits = limits;
  return l;
}

function labels_of(map, l, width) {
  const parts = [], axes = l.limits.labels === true;
  if (map.column_axis && axes) {
    parts.push(svg('text', { x: l.x, y: l.y - l.column_names - 5, class: 'faded' },
      fitted(map.column_axis, width - l.x)));
  }
  if (map.row_axis && axes) {
    parts.push(svg('text', { class: 'faded', 'text-anchor': 'middle',
      transform: `translate(10 ${l.axis}) rotate(-90)` }, map.row_axis));
  }
  for (let r = 0; r < map.rows.length; r += l.row_step) {
    parts.push(svg('text', { x: l.x - 6, y: l.y + (r + 0.5) * l.cell_height + 4,
      'text-anchor': 'end' }, fitted(map.rows[r], l.names)));
  }
  for (let c = 0; c < map.columns.length; c += l.column_step) {
    const x = l.x + (c + 0.5) * l.cell_width, y = l.y - 5;
    if (l.upright) {
      parts.push(svg('text', { transform: `translate(${x + 4} ${y}) rotate(-90)` },
        fitted(map.columns[c], l.column_names - 6)));
    } else {
      parts.push(svg('text', { x, y, 'text-anchor': 'middle' },
        fitted(map.columns[c], l.level_room + 0.01)));
    }
  }
  return parts;
}

// ---- cells --------------------------------------------------------------------------------------

function shapes_of(map, l) {
  const parts = [], on = ground(), columns = map.columns.length;
  let strokes = '';
  for (let i = 0; i < map.values.length; ++i) {
    const x = l.x + (i % columns) * l.cell_width;
    const y = l.y + Math.floor(i / columns) * l.cell_height;
    const colour = colour_of(map.colours, map.range, map.shades[i], on);
    if (colour) {
      parts.push(svg('rect', { x, y, width: l.cell_width + 0.2, height: l.cell_height + 0.2,
        fill: css(colour) }));
    } else if (l.cell_width >= 9 && l.cell_height >= 9 && map.values.length <= 900) {
      const reach = Math.min(l.cell_width, l.cell_height) * 0.2;
      strokes += `M${x + l.cell_width / 2 - reach} ${y + l.cell_height / 2 + reach}` +
        `l${2 * reach} ${-2 * reach}`;
    }
    if (l.words_fit && l.words[i]) {
      parts.push(svg('text', { x: x + l.cell_width / 2, y: y + l.cell_height / 2 + 0.36 * l.size,
        'text-anchor': 'middle', 'font-size': l.size, fill: colour ? ink_for(colour) : null },
      fitted(l.words[i], l.cell_width - 2, l.size)));
    }
  }
  if (strokes) parts.push(svg('path', { d: strokes, class: 'absent' }));
  return parts;
}

function pixels_of(map, l) {
  const canvas = el('canvas', { class: 'cells', width: map.columns.length,
    height: map.rows.length });
  const pen = canvas.getContext('2d');
  const image = pen.createImageData(map.columns.length, map.rows.length);
  const on = ground();
  map.shades.forEach((shade, i) => {
    const colour = colour_of(map.colours, map.range, shade, on);
    if (colour) image.data.set([...colour, 255], 4 * i);
  });
  pen.putImageData(image, 0, 0);
  Object.assign(canvas.style, { left: `${l.x}px`, top: `${l.y}px`, width: `${l.width}px`,
    height: `${l.height}px` });
  return canvas;
}

// ---- one map ------------------------------------------------------------------------------------

// Maps that show the same cells: what is pointed at in one is marked in all.
export class Link {
  constructor() { this.maps = []; this.heard = () => {}; }
  point(row, column) {
    for (const map of this.maps) map.mark(row, column);
    this.heard(row, column);
  }
}

class MapView {
  constructor(map, limits, link) {
    this.map = map;
    this.limits = limits;
    this.link = link ?? new Link();
    this.link.maps.push(this);
    this.row = -1;
    this.column = -1;
    this.node = el('div', { class: 'map', tabindex: 0, role: 'img',
      'aria-label': `${map.title || 'map'}: ${map.rows.length} by ${map.columns.length} numbers; ` +
        'arrow keys read them, Enter enlarges' });
    this.node.addEventListener('pointermove', (event) => this.follow(event));
    this.node.addEventListener('pointerleave', () => this.leave());
    this.node.addEventListener('blur', () => this.leave());
    this.node.addEventListener('keydown', (event) => this.key(event));
    picture(this.node, (width) => this.draw(width));
  }

  draw(width) {
    const map = this.map;
    this.layout = lay_out(map, width, this.limits);
    const l = this.layout;
    const most = this.limits.shapes;
    const large = map.rows.length > most || map.columns.length > most;
    this.marker = svg('rect', { class: 'marker', visibility: 'hidden', width: l.cell_width,
      height: l.cell_height });
    const label_room = Math.min(width, l.x + l.width + 8);
    this.node.replaceChildren(...(large ? [pixels_of(map, l)] : []),
      svg('svg', { width: label_room, height: l.bottom, 'aria-hidden': 'true' },
        ...(large ? [] : shapes_of(map, l)),
        svg('rect', { class: 'frame', x: l.x, y: l.y, width: l.width, height: l.height }),
        ...(l.limits.labels ? labels_of(map, l, label_room) : []), this.marker));
    if (map.values.length === 0) this.node.append(el('p', {}, 'nothing to show'));
  }

  cell_at(event) {
    const box = this.node.getBoundingClientRect(), l = this.layout;
    const column = Math.floor((event.clientX - box.left - l.x) / l.cell_width);
    const row = Math.floor((event.clientY - box.top - l.y) / l.cell_height);
    const inside = row >= 0 && column >= 0 && row < this.map.rows.length &&
      column < this.map.columns.length;
    return inside ? [row, column] : null;
  }

  words(row, column) {
    const map = this.map, i = row * map.columns.length + column;
    const text = map.texts?.[i] ? `${map.texts[i]}  ` : '';
    return `${map.rows[row]}, ${map.columns[column]}: ${text}${exact(map.values[i])}`;
  }

  follow(event) {
    const cell = this.layout && this.cell_at(event);
    if (!cell) return this.leave();
    this.link.point(...cell);
    show_tip(this.words(...cell), event.clientX, event.clientY);
  }

  leave() {
    hide_tip();
    this.link.point(-1, -1);
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key === 'Escape') return this.leave();
    const move = moves[event.key];
    if (!move || !this.layout || !this.map.values.length) return;
    event.preventDefault();
    const within = (x, n) => Math.min(Math.max(x, 0), n - 1);
    const row = within(this.row < 0 ? 0 : this.row + move[0], this.map.rows.length);
    const column = within(this.column < 0 ? 0 : this.column + move[1], this.map.columns.length);
    this.link.point(row, column);
    const box = this.marker.getBoundingClientRect();
    show_tip(this.words(row, column), box.right, box.top);
    say(this.words(row, column));
  }

  mark(row, column) {
    const inside = row >= 0 && row < this.map.rows.length && column < this.map.columns.length;
    this.row = inside ? row : -1;
    this.column = inside ? column : -1;
    if (!this.marker) return;
    this.marker.setAttribute('visibility', inside ? 'visible' : 'hidden');
    if (!inside) return;
    this.marker.setAttribute('x', this.layout.x + column * this.layout.cell_width);
    this.marker.setAttribute('y', this.layout.y + row * this.layout.cell_height);
  }
}

// ---- beside and behind a map --------------------------------------------------------------------

// Of anything with colours, a range and perhaps a unit.
export function colour_bar(map) {
  const node = el('div', { class: 'colour-bar', 'aria-hidden': 'true' });
  const [low, high] = map.range, most = Math.max(Math.abs(low), Math.abs(high));
  return picture(node, () => {
    const steps = Array.from({ length: 64 }, (_, i) => svg('rect', { x: 3 * i, y: 0, width: 3.2,
      height: 10, fill: css(colour_at(map.colours, (i + 0.5) / 64, ground())) }));
    const zero = low < 0 && high > 0 ? el('span', {}, '0') : null;
    node.replaceChildren(
      el('div', { class: 'colours' }, svg('svg', { width: 192, height: 10 }, steps),
        el('div', { class: 'ends' }, el('span', {}, short_number(low, most)), zero,
          el('span', {}, short_number(high, most)))),
      el('span', { class: 'unit' }, map.unit ?? ''));
  });
}

const kMostRows = 400, kMostColumns = 160;

function table_of(map) {
  const columns = map.columns.slice(0, kMostColumns);
  const rows = map.rows.slice(0, kMostRows).map((name, r) => el('tr', {},
    el('th', { scope: 'row' }, name), columns.map((_, c) => {
      const i = r * map.columns.length + c;
      const words = Number.isNaN(map.values[i]) ? '' : exact(map.values[i]);
      return el('td', { class: 'right' }, map.texts?.[i] ? `${words} ${map.texts[i]}` : words);
    })));
  const cut = rows.length < map.rows.length || columns.length < map.columns.length;
  return el('div', { class: 'wide', tabindex: 0 }, el('table', {},
    el('caption', {}, (map.title || 'the numbers') + (cut ? ' (the first of them)' : '')),
    el('thead', {}, el('tr', {}, el('td'), columns.map((c) => el('th', { scope: 'col' }, c)))),
    el('tbody', {}, rows)));
}

// Made when somebody opens it: a page of maps has many numbers.
export function numbers_behind(tables) {
  const node = el('details', { class: 'numbers' }, el('summary', {}, 'the numbers'));
  node.addEventListener('toggle', () => {
    if (node.open && node.childElementCount === 1) node.append(...tables());
  });
  return node;
}

function enlarge(map) {
  const close = el('button', { type: 'button', class: 'quiet', 'aria-label': 'close' }, 'close');
  const dialog = el('dialog', { class: 'enlarged', 'aria-label': map.title || 'map' },
    el('header', {}, el('h2', {}, map.title || 'map'), close),
    new MapView(map, kEnlarged).node, colour_bar(map), numbers_behind(() => [table_of(map)]));
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { hide_tip(); dialog.remove(); });
  document.body.append(dialog);
  dialog.showModal();
}

function opens(view) {
  view.node.addEventListener('click', () => enlarge(view.map));
  view.node.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') enlarge(view.map);
  });
  return view.node;
}

// ---- figures ------------------------------------------------------------------------------------

// Where each row has colours of its own, the largest number of a row is as dark as can be.
function shades_of(map) {
  const n = map.columns.length;
  return map.values.map((value, i) => {
    const row = map.values.subarray(i - i % n, i - i % n + n);
    return map.range[1] * value / (largest_of(row) || 1);
  });
}

function read(said) {
  const map = { ...said, values: said.values instanceof Float32Array ? said.values
    : floats(said.values) };
  map.shades = said.each_row ? shades_of(map) : map.values;
  return map;
}

export function heatmap(said, link) {
  const map = read(said);
  return el('figure', { class: 'figure heatmap' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null,
    opens(new MapView(map, kDrawing, link)), map.values.length ? colour_bar(map) : null,
    map.values.length ? numbers_behind(() => [table_of(map)]) : null);
}

// Small pictures are as large as their numbers need: a head of a long text gets more room.
export function gallery(said, link = new Link()) {
  const maps = said.maps.map(read);
  const size = maps.some((map) => map.columns.length > 24) ? 'large'
    : maps.some((map) => map.columns.length > 10) ? 'middle' : 'small';
  const node = el('figure', { class: 'figure gallery' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null,
    el('div', { class: `maps ${size}` }, maps.map((map) => el('figure', {},
      el('figcaption', {}, map.title), opens(new MapView(map, kThumbnail, link))))));
  if (maps.length === 0) node.append(el('p', {}, 'nothing to show'));
  else node.append(colour_bar(maps[0]), numbers_behind(() => maps.map(table_of)));
  return node;
}
