// Bars and charts. Bars are a table with a drawing in it, so that they read the same with or
// without eyes; a chart names its lines below itself, where names cannot lie on one another.
import { el, hide_tip, picture, say, show_tip, svg, widest } from './dom.js';
import { numbers_behind } from './heatmap.js';
import { exact, floats, largest_of, log_ticks_of, short_number, tick_label, ticks_of }
  from './numbers.js';

// ---- bars ---------------------------------------------------------------------------------------

const kFirst = 24;   // the rest is shown when asked for

function bar_row(bar, low, high, most) {
  const share = (value) => `${(100 * (value - low) / (high - low)).toFixed(3)}%`;
  const box = el('span', { class: bar.value < 0 ? 'bar below' : 'bar' });
  if (Number.isFinite(bar.value)) {
    box.style.left = share(Math.min(bar.value, 0));
    box.style.width = share(low + Math.abs(bar.value));
  }
  const value = bar.value === null ? '' : short_number(bar.value, most);
  const row = el('tr', {}, el('th', { scope: 'row' }, bar.name),
    el('td', { class: 'track' }, el('span', { class: 'rail' }, box)),
    el('td', { class: 'right' }, value), el('td', { class: 'note' }, bar.note));
  row.addEventListener('pointermove', (event) => show_tip(
    `${bar.name}: ${bar.value === null ? 'no value' : exact(bar.value)}`,
    event.clientX, event.clientY));
  row.addEventListener('pointerleave', hide_tip);
  return row;
}

export function bars(said) {
  const values = said.bars.map((bar) => bar.value).filter(Number.isFinite);
  const marks = said.references.filter((line) => Number.isFinite(line.y));
  const all = [0, ...values, ...marks.map((line) => line.y)];
  const low = Math.min(...all), high = Math.max(...all, low + 1e-12), most = largest_of(values);
  const rows = said.bars.map((bar) => bar_row(bar, low, high, most));
  for (const row of rows) {
    const rail = row.querySelector('.rail');
    for (const line of marks) {
      const mark = el('span', { class: 'mark' });
      mark.style.left = `${100 * (line.y - low) / (high - low)}%`;
      rail.append(mark);
    }
  }
  const body = el('tbody', {}, rows.slice(0, kFirst));
  const more = el('button', { type: 'button', class: 'quiet', hidden: rows.length <= kFirst },
    `all ${rows.length}`);
  more.addEventListener('click', () => { body.replaceChildren(...rows); more.hidden = true; });
  const words = [said.unit ? `in ${said.unit}` : '', ...marks.map((line) =>
    `dashed: ${line.name} ${short_number(line.y, most)}`)].filter(Boolean).join('; ');
  return el('figure', { class: 'figure bars' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null,
    said.bars.length ? el('div', { class: 'wide' }, el('table', { 'aria-label': said.title }, body))
      : el('p', {}, 'nothing to show'), more, words ? el('p', { class: 'remark' }, words) : null);
}

// ---- charts -------------------------------------------------------------------------------------

const kLeft = 6, kTop = 10, kBottom = 38, kHeight = 280;
const kHues = 6, kDashes = 3;   // .s1 and .dash1 of style.css, and those after them

// How a line looks: lines of one hue belong together.
function kind_of(line) {
  return `line s${line.number}${line.faint ? ' faint' : ''}${line.dashed ? ' dashed' : ''}`;
}

function reference_kind(i) {
  return `reference dash${i % kDashes + 1}`;
}

function star_at(x, y, kind) {
  const corners = Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 ? 2.8 : 6.5, angle = (i / 5 - 0.5) * Math.PI;
    const place = [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
    return place.map((at) => at.toFixed(1)).join(' ');
  });
  return svg('path', { class: `star ${kind}`, d: `M${corners.join('L')}Z` });
}

// What stands beside a name in the legend: a piece of the very line.
function key_of(kind) {
  return svg('svg', { class: 'key', width: 26, height: 8, 'aria-hidden': 'true' },
    svg('path', { class: kind, d: 'M0 4H26' }));
}

function range_of(series, part, more = []) {
  let low = Infinity, high = -Infinity;
  for (const values of [...series.map((line) => line[part]), more]) {
    for (const value of values) {
      if (Number.isFinite(value)) low = Math.min(low, value), high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  if (high > low) return [low, high];
  return [low - Math.abs(low) * 0.1 - 0.5, high + Math.abs(high) * 0.1 + 0.5];
}

class Chart {
  constructor(said) {
    this.said = said;
    this.series = said.series.map((line, i) => ({ ...line, number: (line.hue ?? i) % kHues + 1,
      x: line.x.f32 === undefined ? line.x : floats(line.x),
      y: line.y.f32 === undefined ? line.y : floats(line.y) }));
    this.x_range = range_of(this.series, 'x');
    if (said.log_x && this.x_range[0] <= 0) this.x_range[0] = Math.min(1, this.x_range[1] / 10);
    this.y_range = said.range ?? this.rounded(range_of(this.series, 'y',
      said.references.map((line) => line.y)));
    this.places = [...new Set(this.series.flatMap((line) => Array.from(line.x)))]
      .sort((a, b) => a - b);
    this.at = -1;
    this.node = el('div', { class: 'plot', tabindex: 0, role: 'img', 'aria-label':
      `${said.title || 'chart'}: ${said.y_label} over ${said.x_label}; ` +
      'arrow keys read the values' });
    this.node.addEventListener('pointermove', (event) => this.follow(event));
    this.node.addEventListener('pointerleave', () => this.leave());
    this.node.addEventListener('blur', () => this.leave());
    this.node.addEventListener('keydown', (event) => this.key(event));
    picture(this.node, (width) => this.draw(width));
  }

  rounded([low, high]) {
    const ticks = ticks_of(low, high, 5);
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : high - low;
    return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  }

  place_x(x) {
    const [low, high] = this.x_range;
    const share = this.said.log_x ? Math.log(Math.max(x, low) / low) / Math.log(high / low)
      : (x - low) / (high - low);
    return this.left + share * (this.right - this.left);
  }

  place_y(y) {
    const [low, high] = this.y_range;
    return kHeight - kBottom - (y - low) / (high - low) * (kHeight - kBottom - kTop);
  }

  path_of(line) {
    let path = '', pen = 'M';
    for (let i = 0; i < line.x.length; ++i) {
      if (!Number.isFinite(line.y[i])) { pen = 'M'; continue; }
      path += `${pen}${this.place_x(line.x[i]).toFixed(1)} ${this.place_y(line.y[i]).toFixed(1)}`;
      pen = 'L';
    }
    return path;
  }

  draw(width) {
    const said = this.said;
    const y_ticks = ticks_of(...this.y_range, 6);
    const y_labels = y_ticks.map((tick) => tick_label(tick, y_ticks));
    this.left = kLeft + widest(y_labels) + 8 + (said.y_label ? 16 : 0);
    this.right = width - 12;
    let most = Math.max(2, Math.floor((this.right - this.left) / 70)), x_ticks, x_labels;
    do {
      x_ticks = said.log_x ? log_ticks_of(...this.x_range, most) : ticks_of(...this.x_range, most);
      x_labels = x_ticks.map((tick) => tick_label(tick, x_ticks));
      most -= 1;
    } while (most > 0 && (widest(x_labels) + 14) * x_ticks.length > this.right - this.left);
    const parts = [], base = kHeight - kBottom;
    y_ticks.forEach((tick, i) => {
      const y = Math.round(this.place_y(tick)) + 0.5;
      parts.push(svg('path', { class: 'grid', d: `M${this.left} ${y}H${this.right}` }),
        svg('text', { x: this.left - 7, y: y + 4, 'text-anchor': 'end' }, y_labels[i]));
    });
    x_ticks.forEach((tick, i) => {
      const x = Math.round(this.place_x(tick)) + 0.5;
      parts.push(svg('path', { class: 'axis', d: `M${x} ${base}v4` }),
        svg('text', { x, y: base + 17, 'text-anchor': 'middle' }, x_labels[i]));
    });
    parts.push(svg('path', { class: 'axis', d: `M${this.left} ${base + 0.5}H${this.right}` }),
      svg('text', { x: (this.left + this.right) / 2, y: kHeight - 4, 'text-anchor': 'middle',
        class: 'faded' }, said.x_label));
    if (said.y_label) {
      parts.push(svg('text', { class: 'faded', 'text-anchor': 'middle',
        transform: `translate(11 ${(kTop + base) / 2}) rotate(-90)` }, said.y_label));
    }
    said.references.forEach((line, i) => {
      if (!Number.isFinite(line.y)) return;
      const y = this.place_y(line.y);
      parts.push(svg('path', { class: reference_kind(i), d: `M${this.left} ${y}H${this.right}` }));
    });
    for (const line of [...this.series].reverse()) {
      if (line.x.length === 1) {
        parts.push(svg('circle', { class: `${kind_of(line)} dot`, r: 3,
          cx: this.place_x(line.x[0]), cy: this.place_y(line.y[0]) }));
      } else parts.push(svg('path', { class: kind_of(line), d: this.path_of(line) }));
    }
    for (const { x, y, hue } of said.stars ?? []) {
      parts.push(star_at(this.place_x(x), this.place_y(y), `s${hue % kHues + 1}`));
    }
    this.cursor = svg('path', { class: 'cursor', visibility: 'hidden' });
    this.node.replaceChildren(svg('svg', { width, height: kHeight, 'aria-hidden': 'true' },
      parts, this.cursor));
  }

  words(at) {
    const x = this.places[at], lines = [];
    for (const line of this.series) {
      const i = line.x.indexOf(x);
      if (i >= 0 && Number.isFinite(line.y[i])) lines.push(`${line.name}: ${exact(line.y[i])}`);
    }
    const most = 12, rest = lines.length - most;
    const shown = rest > 0 ? [...lines.slice(0, most), `and ${rest} more`] : lines;
    return [`${this.said.x_label} ${exact(x)}`, ...shown].join('\n');
  }

  show(at, event) {
    this.at = at;
    const x = this.place_x(this.places[at]);
    this.cursor.setAttribute('d', `M${x} ${kTop}V${kHeight - kBottom}`);
    this.cursor.setAttribute('visibility', 'visible');
    const box = this.node.getBoundingClientRect();
    show_tip(this.words(at), event?.clientX ?? box.left + x, event?.clientY ?? box.top + 60);
  }

  follow(event) {
    if (!this.places.length || !this.cursor) return;
    const x = event.clientX - this.node.getBoundingClientRect().left;
    const away = (i) => Math.abs(this.place_x(this.places[i]) - x);
    let best = 0;
    for (let i = 1; i < this.places.length; ++i) if (away(i) < away(best)) best = i;
    this.show(best, event);
  }

  leave() {
    this.at = -1;
    this.cursor?.setAttribute('visibility', 'hidden');
    hide_tip();
  }

  key(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
    if (event.key === 'Escape') this.leave();
    if (!move || !this.places.length) return;
    event.preventDefault();
    this.show(Math.min(Math.max(this.at + move, 0), this.places.length - 1));
    say(this.words(this.at));
  }

  table() {
    return el('div', { class: 'wide', tabindex: 0 }, el('table', {},
      el('caption', {}, this.said.title || 'the numbers'),
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, this.said.x_label),
        this.series.map((line) => el('th', { scope: 'col' }, line.name)))),
      el('tbody', {}, this.places.slice(0, 1000).map((x) => el('tr', {},
        el('th', { scope: 'row' }, exact(x)), this.series.map((line) => {
          const i = line.x.indexOf(x);
          return el('td', { class: 'right' }, i < 0 || !Number.isFinite(line.y[i]) ? ''
            : exact(line.y[i]));
        }))))));
  }
}

// Beside what a figure of the program says: a series may name its hue and be dashed, and stars mark
// points, [{x, y, hue}], whose meaning is said in stars_mean.
export function chart(said) {
  const drawn = new Chart(said);
  const names = drawn.series.filter((line) => line.name).slice(0, 12).map((line) =>
    el('li', {}, key_of(kind_of(line)), line.name));
  said.references.forEach((line, i) => {
    names.push(el('li', {}, key_of(reference_kind(i)), `${line.name} ${short_number(line.y, 1)}`));
  });
  if (said.stars?.length) names.push(el('li', {}, `★ ${said.stars_mean}`));
  return el('figure', { class: 'figure chart' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title),
      said.subtitle ? el('p', { class: 'remark' }, said.subtitle) : null) : null,
    drawn.node, el('ul', { class: 'keys' }, names), numbers_behind(() => [drawn.table()]));
}
