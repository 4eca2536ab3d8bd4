// Patch: both experiments side by side. Put a part of the clean run into the corrupt one and see
// what suffices; put a part of the corrupt one into the clean one and see what is needed. Neither
// grid says enough alone.
import { analysis_page, texts_of } from './analysis.js';
import { el } from './dom.js';
import { figure } from './figures.js';
import { Link } from './heatmap.js';
import { short_number } from './numbers.js';
import { command_line } from './result.js';

const kMuch = 0.7;   // of the answer: from here on a cell counts as enough, or as needed
const kSome = 0.1;   // from here on it has a part in it
const kMost = 6;     // cells to name of a kind

// What the two numbers of a cell mean together; the first kind that fits is what it is.
const kKinds = [
  { name: 'enough and needed', fits: (alone, without) => alone >= kMuch && without >= kMuch,
    means: 'all that matters comes through here' },
  { name: 'enough, not needed', fits: (alone) => alone >= kMuch,
    means: 'it can do the work, but so can others, which make up for it where it is missing' },
  { name: 'needed, not enough', fits: (alone, without) => without >= kMuch,
    means: 'a link of a chain: without it nothing works, but alone it has nothing to work on' },
  { name: 'a part of it', fits: (alone, without) => Math.max(alone, without) >= kSome,
    means: 'several share the work, and this is one of them' },
];

// The cells of both grids, by what they are; the strongest first.
export function kinds_of(denoise, noise) {
  const kinds = kKinds.map((kind) => ({ ...kind, cells: [] }));
  denoise.grid.forEach((line, row) => line.forEach((alone, column) => {
    const without = noise.grid[row][column];
    if (alone === null || without === null) return;
    kinds.find((kind) => kind.fits(alone, without))?.cells.push({ row, column, alone, without });
  }));
  for (const { cells } of kinds) {
    cells.sort((a, b) => b.alone + b.without - a.alone - a.without);
  }
  return kinds;
}

function name_of(data, { row, column }) {
  const part = (axis, name, number) => (['position', 'key', 'query'].includes(axis)
    ? `${axis} ${number} (${name})` : `${axis} ${name}`);
  return `${part(data.row_axis, data.rows[row], row)}, ` +
    part(data.column_axis, data.columns[column], column);
}

function how_to_read(denoise, noise) {
  const cells_of = (kind) => {
    if (!kind.cells.length) return 'No cell here.';
    const rest = kind.cells.length - kMost;
    return `Here ${kind.cells.slice(0, kMost).map((cell) => `${name_of(denoise, cell)}: ` +
      `${short_number(cell.alone, 1)} and ${short_number(cell.without, 1)}`).join('; ')}` +
      (rest > 0 ? `; and ${rest} more.` : '.');
  };
  return el('section', { class: 'figure pair-read' }, el('h3', {}, 'How to read the pair'),
    el('p', {}, 'In the first grid, a cell of the clean run stands alone among what the corrupt ' +
      'text made: 1 says that it is enough for the clean answer. In the second, that one cell is ' +
      'missing from the clean run: 1 says that the answer needs it. The same cell of both is one ' +
      'place in the model; where both are near 0, it has no part in this answer.'),
    el('ul', {}, kinds_of(denoise, noise).map((kind) => el('li', {}, el('b', {}, kind.name),
      `: ${kind.means}.`, el('span', { class: 'cells' }, cells_of(kind))))));
}

function answer_of(data) {
  const many = data.pairs > 1 ? `, as a mean over ${data.pairs} pairs of texts` : '';
  const [target, foil] = data.pairs > 1 ? ['target', 'foil'] : [data.target, data.foil];
  return `The answer is logit[${target}] - logit[${foil}]${many}: ` +
    `${data.metric_clean.toFixed(3)} behind the clean text, ` +
    `${data.metric_corrupt.toFixed(3)} behind the corrupt one.`;
}

function grid_of(page, title, most, link) {
  const map = page.figures.find((one) => one.kind === 'heatmap');
  const end = page.figures.filter((one) => one.kind === 'paragraph').at(-1);
  return el('div', {}, figure({ ...map, title, range: [-most, most] }, link), figure(end));
}

function show(node, [denoise, noise]) {
  const link = new Link();
  const pages = [denoise.page, noise.page];
  const most = Math.max(...pages.map((page) =>
    page.figures.find((one) => one.kind === 'heatmap').range[1]));
  const site = denoise.data.site;
  // What both pages say is said once; the first paragraph of each explains its own grid.
  const before = denoise.page.figures.slice(1, denoise.page.figures.findIndex((one) =>
    one.kind === 'heatmap'));
  node.replaceChildren(el('h2', {}, `What suffices, and what is needed: ${site}`),
    el('p', {}, answer_of(denoise.data)), ...before.map((one) => figure(one)),
    el('div', { class: 'pair' }, grid_of(denoise.page, 'Denoise: what suffices', most, link),
      grid_of(noise.page, 'Noise: what is needed', most, link)),
    how_to_read(denoise.data, noise.data),
    el('footer', { class: 'from' }, el('p', {}, denoise.page.from),
      pages.map((page) => command_line(page.command))));
}

export const patch_page = analysis_page({ id: 'patch', title: 'Patch',
  lead: 'Where is the answer decided? Parts of one run are exchanged with those of another that ' +
    'is answered differently, in both directions.',
  later: ['pairs', 'by', 'layer', 'head'],
  extras: () => ({ mode: { hidden: true } }),
  ask: (asked, body) => Promise.all(['denoise', 'noise'].map((mode) => asked({ ...body, mode }))),
  found: texts_of, show });
