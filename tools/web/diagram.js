// A circuit: boxes on levels, inputs at the bottom, and arrows upwards, as wide as their weight.
// Words stand on arrows only where they find room; the table behind the picture has them all.
import { el, fitted, hide_tip, picture, say, show_tip, svg, width_of } from './dom.js';
import { numbers_behind } from './heatmap.js';
import { exact, short_number } from './numbers.js';

const kBoxHeight = 28, kLevel = 92, kTop = 8;

function place(diagram, width) {
  const levels = [...new Set(diagram.parts.map((part) => part.level))].sort((a, b) => a - b);
  const places = [];
  levels.forEach((level, floor) => {
    const here = diagram.parts.map((part, i) => i).filter((i) => diagram.parts[i].level === level);
    const room = width / here.length;
    here.forEach((i, at) => {
      const most = Math.max(room - 10, 12);
      const name = fitted(diagram.parts[i].name, most - 12, 13);
      const box = Math.min(width_of(name, 13) + 22, most), middle = room * (at + 0.5);
      places[i] = { x: middle - box / 2, y: kTop + kLevel * (levels.length - 1 - floor), width: box,
        name, middle };
    });
  });
  return places;
}

// A curve that leaves upwards and arrives from below; past other levels it bends aside.
function curve(from, to, width) {
  const a = [from.middle, from.y], b = [to.middle, to.y + kBoxHeight + 5];
  const height = a[1] - b[1], levels = Math.max(Math.round(height / kLevel), 1);
  const side = (a[0] + b[0]) / 2 < width / 2 ? -1 : 1;
  const bend = levels > 1 ? side * Math.min(46 * (levels - 1), width / 4) : 0;
  const inside = (x) => Math.min(Math.max(x, 4), width - 4);
  const c = [inside(a[0] + bend), a[1] - height * 0.45];
  const d = [inside(b[0] + bend), b[1] + height * 0.45];
  const at = (t) => [0, 1].map((k) => (1 - t) ** 3 * a[k] + 3 * (1 - t) ** 2 * t * c[k] +
    3 * (1 - t) * t * t * d[k] + t ** 3 * b[k]);
  return { path: `M${a}C${c} ${d} ${b}`, at, tip: b };
}

function weight_words(arrow) {
  const weight = Number.isFinite(arrow.weight) ? short_number(arrow.weight, 1) : '';
  return [arrow.note, weight].filter(Boolean).join(' ');
}

function meet(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function room_for(words, drawn, width, taken) {
  const w = width_of(words);
  for (const i of [12, 9, 15, 7, 17, 5, 19, 11, 13, 8, 16, 6, 18, 4, 20]) {
    const [px, py] = drawn.at(i / 24);
    for (const x of [px + 6, px - 6 - w]) {
      const box = { x: x - 2, y: py - 8, width: w + 4, height: 15 };
      if (box.x < 0 || box.x + box.width > width) continue;
      if (!taken.some((other) => meet(other, box))) return box;
    }
  }
  return null;
}

function name_of(diagram, arrow) {
  return `${diagram.parts[arrow.from].name} to ${diagram.parts[arrow.to].name}`;
}

function draw(node, diagram, width) {
  const places = place(diagram, width);
  const bottom = Math.max(...places.map((box) => box.y)) + kBoxHeight + 6;
  const most = Math.max(...diagram.arrows.map((arrow) => Math.abs(arrow.weight) || 0), 1e-30);
  const strongest = diagram.arrows.map((arrow) =>
    ({ arrow, ...curve(places[arrow.from], places[arrow.to], width) }))
    .sort((a, b) => Math.abs(b.arrow.weight) - Math.abs(a.arrow.weight));
  const taken = places.map((box) => ({ ...box, height: kBoxHeight }));
  const lines = [], words = [];
  for (const drawn of strongest) {
    const { arrow, tip } = drawn;
    const share = Math.min(Math.abs(arrow.weight) / most, 1) || 0, pen = 1 + 3.5 * share;
    const head = 3 + pen, said = `${name_of(diagram, arrow)}: ${arrow.note} ${exact(arrow.weight)}`;
    const line = svg('g', { class: arrow.weight < 0 ? 'arrow below' : 'arrow',
      opacity: 0.4 + 0.6 * share },
    svg('path', { d: drawn.path, 'stroke-width': pen }),
    svg('path', { d: `M${tip[0] - head} ${tip[1] + head}L${tip}L${tip[0] + head} ${tip[1] + head}`,
      'stroke-width': Math.max(pen * 0.7, 1.2) }),
    svg('path', { class: 'touch', d: drawn.path }));
    line.addEventListener('pointermove', (event) => show_tip(said, event.clientX, event.clientY));
    line.addEventListener('pointerleave', hide_tip);
    lines.unshift(line);
    const text = weight_words(arrow), box = room_for(text, drawn, width, taken);
    if (!box) continue;
    taken.push(box);
    words.push(svg('rect', { class: 'under', x: box.x, y: box.y, width: box.width, height: 15 }),
      svg('text', { class: 'faded', x: box.x + 2, y: box.y + 11.5 }, text));
  }
  const boxes = places.map((box, i) => part(diagram, i, box, strongest));
  node.replaceChildren(svg('svg', { width, height: bottom }, lines, boxes, words));
}

// A box; in focus it says what flows in and out of it.
function part(diagram, i, box, drawn) {
  const about = drawn.filter(({ arrow }) => arrow.from === i || arrow.to === i)
    .map(({ arrow }) => `${name_of(diagram, arrow)}: ${weight_words(arrow)}`);
  const words = [diagram.parts[i].name, ...about].slice(0, 14).join('\n');
  const group = svg('g', { class: 'part', tabindex: 0, role: 'img', 'aria-label': words },
    svg('rect', { x: box.x, y: box.y, width: box.width, height: kBoxHeight, rx: 5 }),
    svg('text', { x: box.middle, y: box.y + 18.5, 'text-anchor': 'middle', 'font-size': 13 },
      box.name));
  group.addEventListener('pointermove', (event) => show_tip(words, event.clientX, event.clientY));
  group.addEventListener('pointerleave', hide_tip);
  group.addEventListener('focus', () => {
    const at = group.getBoundingClientRect();
    show_tip(words, at.right, at.top + 30);
    say(words);
  });
  group.addEventListener('blur', hide_tip);
  return group;
}

export function diagram(said) {
  const node = el('div', { class: 'drawing' });
  const figure = el('figure', { class: 'figure diagram' },
    said.title ? el('figcaption', {}, el('h3', {}, said.title)) : null);
  if (!said.parts.length) {
    figure.append(el('p', {}, 'nothing to show'));
    return figure;
  }
  figure.append(picture(node, (width) => draw(node, said, width)), numbers_behind(() => [
    el('div', { class: 'wide', tabindex: 0 }, el('table', {},
      el('caption', {}, said.title),
      el('thead', {}, el('tr', {}, ['from', 'to', 'into', 'weight'].map((name) =>
        el('th', { scope: 'col' }, name)))),
      el('tbody', {}, said.arrows.map((arrow) => el('tr', {},
        el('td', {}, said.parts[arrow.from].name), el('td', {}, said.parts[arrow.to].name),
        el('td', {}, arrow.note), el('td', { class: 'right' }, exact(arrow.weight)))))))]));
  return figure;
}
