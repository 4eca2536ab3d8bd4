// The tape of one training step: every op in the order in which it ran, what it was made from, who
// reads it, and what it cost. Backward walks the same list from its end.
import { code_box } from './code.js';
import { clear, el } from './dom.js';
import { count, short_number } from './numbers.js';
import { bars } from './plots.js';
import { command_line } from './result.js';
import { shell_line } from './shell.js';
import { Work } from './work.js';

const kMostOps = 8;   // kinds of op to draw a bar for

function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) { n /= 1024; at += 1; }
  return n === 0 ? '' : `${at === 0 ? n : n.toFixed(1)} ${units[at]}`;
}

const size = (value) => String(Number(value.toPrecision(4)));
const ms = (value) => value.toFixed(3);

// ---- what the rows mean -------------------------------------------------------------------------

// The nodes, each with those that read it. Leaves are the weights; their scope is their name.
export function tape_of(said) {
  const names = new Map(said.sources.map((source) => [source.path, source.name]));
  const nodes = said.trace.nodes.map((node) => ({ ...node, readers: [],
    source: names.get(node.file) ?? '' }));
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) if (input >= 0) nodes[input].readers.push(node.id);
  }
  return nodes;
}

// In the order of the tape: what comes before the blocks, each block, what comes behind them. A
// weight belongs to the op that reads it first, the next one.
export function parts_of(nodes) {
  const parts = [];
  let weights = [];
  for (const node of nodes) {
    if (node.leaf) { weights.push(node); continue; }
    const block = node.scope.match(/^blocks\.(\d+)/)?.[1];
    const begun = parts.some((part) => part.block !== undefined);
    const title = block !== undefined ? `block ${block}`
      : begun ? 'behind the blocks' : 'before the blocks';
    if (parts.at(-1)?.title !== title) parts.push({ title, block, nodes: [] });
    parts.at(-1).nodes.push(...weights, node);
    weights = [];
  }
  return parts;
}

function sums_of(nodes) {
  const sum = (f) => nodes.reduce((all, node) => all + f(node), 0);
  return { forward: sum((node) => node.forward_ms), backward: sum((node) => node.backward_ms),
    kept: sum((node) => node.saved_bytes) };
}

// ---- one part -----------------------------------------------------------------------------------

// Numbers of nodes that lead to them.
function links(ids, go) {
  return ids.flatMap((id, i) => [i > 0 ? ' ' : '', id < 0 ? '-'
    : el('button', { type: 'button', class: 'node-link', onclick: () => go(id) }, `%${id}`)]);
}

// A name as its block calls it.
function inside(node) {
  return node.scope.replace(/^(transformer\.h\.\d+\.|blocks\.\d+\.?|transformer\.)/, '');
}

const kColumns = [['node', 'right'], ['op', ''], ['output', ''], ['made from', ''],
  ['read by', ''], ['ms', 'right'], ['ms back', 'right'], ['kept', 'right'], ['|value|', 'right'],
  ['|grad|', 'right'], ['', '']];

function rows_of(context, node, go) {
  const cell = (kind, ...words) => el('td', { class: kind || null }, words.flat());
  const code = node.source ? el('button', { type: 'button', class: 'quiet', 'aria-expanded': false,
    'aria-label': `the code of %${node.id}` }, 'the code') : null;
  const row = el('tr', { 'data-node': node.id, tabindex: -1 },
    el('th', { scope: 'row', class: 'right' }, `%${node.id}`),
    el('td', { title: node.scope || null }, el('b', {}, node.leaf ? inside(node) : node.op),
      node.leaf ? ' weight' : inside(node) ? ` in ${inside(node)}` : ''),
    cell('', `${node.shape.join(' x ') || 'one number'} ${node.dtype}`),
    cell('', links(node.inputs, go)), cell('', links(node.readers, go)),
    cell('right', node.leaf ? '' : ms(node.forward_ms)),
    cell('right', node.leaf ? '' : ms(node.backward_ms)), cell('right', bytes(node.saved_bytes)),
    cell('right', size(node.value)), cell('right', node.grad === null ? '' : size(node.grad)),
    cell('', code));
  code?.addEventListener('click', () => {
    const open = code.getAttribute('aria-expanded') === 'true';
    code.setAttribute('aria-expanded', String(!open));
    if (open) return row.nextSibling.remove();
    const box = code_box(context.transport, [{ name: node.source, path: node.file,
      words: node.op, line: node.line }]);
    box.open = true;
    row.after(el('tr', {}, el('td', { colspan: kColumns.length }, box)));
  });
  return row;
}

function part_box(context, part, go) {
  const { forward, backward, kept } = sums_of(part.nodes);
  const box = el('details', { class: `box${part.block === undefined ? '' : ' block'}` },
    el('summary', {}, el('b', {}, part.title), ' ', el('span', { class: 'note' },
      `${count(part.nodes.length)} nodes, ${ms(forward)} ms forward, ${ms(backward)} ms back` +
      (kept ? `, ${bytes(kept)} kept` : ''))));
  const fill = () => {
    if (box.childElementCount > 1) return;
    box.append(el('div', { class: 'wide inside', tabindex: 0 },
      el('table', { class: 'tape', 'aria-label': part.title },
        el('thead', {}, el('tr', {}, kColumns.map(([name, kind]) =>
          el('th', { scope: 'col', class: kind || null }, name)))),
        el('tbody', {}, part.nodes.map((node) => rows_of(context, node, go))))));
  };
  box.addEventListener('toggle', () => { if (box.open) fill(); });
  return { box, fill, part };
}

// ---- the whole tape -----------------------------------------------------------------------------

function where_time_goes(nodes) {
  const kinds = new Map();
  for (const node of nodes.filter((one) => !one.leaf)) {
    kinds.set(node.op, [...kinds.get(node.op) ?? [], node]);
  }
  const rows = [...kinds].map(([name, some]) => ({ name, some, ...sums_of(some) }))
    .sort((a, b) => b.forward + b.backward - a.forward - a.backward);
  const short = rows.length && rows[0].forward + rows[0].backward < 10;
  return bars({ title: 'Where the time goes', references: [],
    unit: `${short ? 'microseconds' : 'ms'}, forward and backward`,
    bars: rows.slice(0, kMostOps).map(({ name, some, forward, backward }) => ({ name,
      value: (forward + backward) * (short ? 1000 : 1),
      note: some.length > 1 ? `${some.length} times` : 'once' })) });
}

function show(context, node, said, command) {
  const nodes = tape_of(said), { forward, backward, kept } = sums_of(nodes);
  const parts = [];
  const go = (id) => {
    const found = parts.find(({ part }) => part.nodes.some((one) => one.id === id));
    found.box.open = true;
    found.fill();
    const row = found.box.querySelector(`[data-node="${id}"]`);
    row.scrollIntoView({ block: 'center' });
    row.focus({ preventScroll: true });
  };
  parts.push(...parts_of(nodes).map((part) => part_box(context, part, go)));
  const weights = nodes.filter((one) => one.leaf).length;
  clear(node).append(
    el('p', {}, `${count(nodes.length)} nodes, ${count(weights)} of them weights: ` +
      `${ms(forward)} ms forward, ${ms(backward)} ms backward, ${bytes(kept)} kept from the one ` +
      `for the other. The loss is ${short_number(said.loss, 1)} nats a token. Each time is ` +
      `the least of three runs on ${said.trace.device}, and includes looking at the clock; ` +
      '|value| and |grad| are roots of sums of squares.'),
    where_time_goes(nodes), ...parts.map(({ box }) => box), command_line(command));
}

// A text to make a step on; nothing is computed before somebody asks.
export function tape_section(context, asked) {
  const result = el('div', { class: 'result', role: 'region', 'aria-label': 'the tape' });
  const work = new Work(result), name = Object.keys(asked)[0];
  const input = el('input', { type: 'text', id: 'tape-text', spellcheck: 'false',
    'data-option': 'tape', value: asked[name] });
  const form = el('form', { class: 'options', autocomplete: 'off' },
    el('div', { class: 'field' }, el('label', { for: input.id }, name === 'prompt' ? 'text'
      : 'tokens'), input, el('small', {}, 'every token is asked for the one behind it')),
    el('div', { class: 'actions' }, el('button', { type: 'submit', class: 'go' },
      'make one step')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const body = name === 'prompt' ? { prompt: input.value }
      : { tokens: input.value.split(/[ ,]+/).filter(Boolean).map(Number) };
    work.run((signal) => context.transport.call('POST', '/api/tape', body, signal),
      (said) => show(context, result, said, shell_line('glass trace',
        { ckpt: context.model.ckpt, [name]: input.value, last: 0 })));
  });
  context.leave(() => work.cancel());
  return el('section', { class: 'figure' }, el('h2', {}, 'The tape of one step'),
    el('p', {}, 'Whoever trains this model on a text has all of these made, one after the other, ' +
      'and then walks back from the loss to the weights. The weights stay as they are here: ' +
      'nobody takes the step.'), form, result);
}
