// Model: what the open model is made of. Every box opens the one inside of it, down to the weights:
// a map of their numbers and how they are spread. Below them, one training step as it is recorded.
import { example } from './analysis.js';
import { code_box } from './code.js';
import { el, clear } from './dom.js';
import { bars_of_histogram } from './histogram.js';
import { heatmap } from './heatmap.js';
import { count, exact, shape_words } from './numbers.js';
import { tape_section } from './tape.js';
import { complaint, Work } from './work.js';

const kMostCells = 128;   // of a side of a map of weights: more are looked at in parts

// ---- one tensor ---------------------------------------------------------------------------------

function places(model, tensor) {
  const [rows, columns] = tensor.shape.length > 1 ? tensor.shape : [1, tensor.shape[0] ?? 1];
  const parts = [];
  const heads = model.config.n_head, keys = model.config.n_kv_head || heads;
  const size = model.channels / heads;
  if (/c_attn/.test(tensor.name) && rows === (heads + 2 * keys) * size) {
    const kinds = [['q', 0, heads], ['k', heads, keys], ['v', heads + keys, keys]];
    for (const [word, first, n] of kinds) {
      for (let h = 0; h < n; ++h) {
        parts.push([`${word} of head ${h}`, (first + h) * size, (first + h + 1) * size]);
      }
    }
  } else {
    for (let r = 0; r < rows; r += kMostCells) {
      parts.push([`rows ${r} to ${Math.min(r + kMostCells, rows) - 1}`, r,
        Math.min(r + kMostCells, rows)]);
    }
  }
  return { parts, columns };
}

function numbers_of(tensor) {
  const row = (name, value) => el('tr', {}, el('th', { scope: 'row' }, name),
    el('td', { class: 'right' }, value));
  return el('table', {}, el('tbody', {}, row('shape', shape_words(tensor.shape)),
    row('numbers', count(tensor.count)), row('norm', exact(tensor.norm)),
    row('mean', exact(tensor.mean)), row('deviation', exact(tensor.std)),
    row('least', exact(tensor.min)), row('largest', exact(tensor.max))));
}

function tensor_view(context, tensor) {
  const { parts, columns } = places(context.model, tensor);
  const map = el('div', { class: 'result' });
  const work = new Work(map);
  const choice = (name, words) => el('select', { 'aria-label': name },
    words.map((word, i) => el('option', { value: i }, word)));
  const which = choice('part', parts.map(([name]) => name));
  const firsts = Array.from({ length: Math.ceil(columns / kMostCells) }, (_, i) => i * kMostCells);
  const across = choice('columns', firsts.map((first) =>
    `columns ${first} to ${Math.min(first + kMostCells, columns) - 1}`));
  const show = () => {
    const [name, first, last] = parts[which.value], left = firsts[across.value];
    const right = Math.min(left + kMostCells, columns);
    const path = `/api/param/${encodeURIComponent(tensor.name)}?rows=${first}:${last}` +
      `&cols=${left}:${right}`;
    work.run((signal) => context.transport.call('GET', path, undefined, signal), (answer) => {
      const far = Math.max(Math.abs(tensor.min), Math.abs(tensor.max), 1e-12);
      const upto = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));
      clear(map).append(heatmap({ title: `${tensor.name}: ${name}`, row_axis: 'row',
        column_axis: 'column', rows: upto(first, last), columns: upto(left, right),
        values: answer.values, colours: 'diverging', range: [-far, far], unit: 'weight',
        numbers: false }));
    });
  };
  which.addEventListener('change', show);
  across.addEventListener('change', show);
  show();
  return [el('div', { class: 'tensor' }, numbers_of(tensor),
    tensor.histogram ? bars_of_histogram(tensor) : null),
  el('p', { class: 'remark' }, parts.length > 1 ? which : null, ' ',
    firsts.length > 1 ? across : null), map, code_box(context.transport, tensor.code)];
}

// ---- boxes --------------------------------------------------------------------------------------

// A box that makes what is in it when it is opened.
function box(title, note, inside, kind = '') {
  const node = el('details', { class: `box ${kind}` },
    el('summary', {}, el('b', {}, title), ' ', el('span', { class: 'note' }, note)));
  node.addEventListener('toggle', () => {
    if (!node.open || node.childElementCount > 1) return;
    try {
      node.append(el('div', { class: 'inside' }, inside()));
    } catch (error) {
      node.append(complaint(error));
    }
  });
  return node;
}

function tensor_box(context, tensor) {
  const short = tensor.name.replace(/^transformer\.(h\.\d+\.)?/, '');
  return box(short, `${shape_words(tensor.shape)}, norm ${exact(tensor.norm)}`,
    () => tensor_view(context, tensor), 'leaf');
}

function sum(tensors) {
  return count(tensors.reduce((all, tensor) => all + tensor.count, 0));
}

const kParts = {
  'ln_1': 'norm before attention', attn: 'attention: heads read other positions',
  'ln_2': 'norm before the mlp', mlp: 'mlp: every position for itself',
};

function block_parts(context, tensors, l) {
  const groups = new Map();
  for (const tensor of tensors) {
    const part = tensor.name.split('.')[3];
    groups.set(part, [...groups.get(part) ?? [], tensor]);
  }
  const { config, model } = { config: context.model.config, model: context.model };
  const heads = `${config.n_head} heads of ${model.channels / config.n_head} channels`;
  const first = config.norm === 'post' ? ['attn', 'ln_1', 'mlp', 'ln_2']
    : ['ln_1', 'attn', 'ln_2', 'mlp'];
  return first.filter((part) => groups.has(part)).map((part) => {
    const here = groups.get(part);
    const note = part === 'attn' ? heads : part === 'mlp' ? `${config.act}` : '';
    const links = part === 'attn' ? el('p', { class: 'remark' },
      el('a', { href: `#/attention?layer=${l}&prompt=${encodeURIComponent(model.example)}` },
        'where these heads look')) : null;
    return box(kParts[part] ?? part, [note, `${sum(here)} numbers`].filter(Boolean).join('; '),
      () => [links, ...here.map((tensor) => tensor_box(context, tensor))],
      part === 'attn' || part === 'mlp' ? 'work' : '');
  });
}

// Tokens go in at the top, the logits come out at the bottom; between them the stream.
function architecture(context, tensors) {
  const model = context.model, config = model.config;
  const named = (pattern) => tensors.filter((tensor) => pattern.test(tensor.name));
  const group = (title, note, pattern, kind) => {
    const here = named(pattern);
    return here.length ? box(title, `${note}${sum(here)} numbers`,
      () => here.map((tensor) => tensor_box(context, tensor)), kind) : null;
  };
  const stream = (words) => el('p', { class: 'stream' }, words);
  const blocks = Array.from({ length: model.layers }, (_, l) => {
    const here = named(new RegExp(`^transformer\\.h\\.${l}\\.`));
    return box(`block ${l}`, `${sum(here)} numbers`, () => block_parts(context, here, l), 'block');
  });
  const logits = stream(`logits: one number for each of ${count(model.vocab_size)} tokens`);
  if (config.arch === 'bigram') {
    return el('div', { class: 'architecture' }, stream('token ids'),
      group('table', 'a row for each token: what may follow it; ', /^bigram/), logits);
  }
  return el('div', { class: 'architecture' }, stream('token ids'),
    group('embedding', 'a row for each token; ', /\.wte\./),
    group('positions', 'a row for each place; ', /\.wpe\./),
    stream(`the stream: ${model.channels} channels at each of ${model.context_length} places`),
    ...blocks.flatMap((block, l) => (l > 0 ? [stream('+'), block] : [block])),
    stream('the stream'),
    group('final norm', '', /\.ln_f\./),
    group('head', 'from channels to tokens; ', /^lm_head/) ??
      (config.tie ? stream('the head is the embedding, read backwards') : null),
    logits);
}

const kSaid = [['arch', 'kind'], ['n_layer', 'blocks'], ['n_head', 'heads in a block'],
  ['n_embd', 'channels'], ['block_size', 'longest context'],
  ['vocab_size', 'tokens'], ['pos', 'positions'], ['norm', 'norm'], ['norm_type', 'kind of norm'],
  ['act', 'activation'], ['tie', 'tied head']];

export async function model_page(context) {
  const model = await context.transport.call('GET', '/api/model?histogram=48');
  const row = (words, value) => el('tr', {}, el('th', { scope: 'row' }, words),
    el('td', { class: 'right' }, value));
  const bigram = model.config.arch === 'bigram';   // one table: the other sizes say nothing of it
  const says = (name) => model.config[name] !== undefined &&
    (!bigram || ['arch', 'vocab_size'].includes(name)) &&
    (name !== 'norm_type' || model.config.norm !== 'none');
  const rows = kSaid.filter(([name]) => says(name))
    .map(([name, words]) => row(words, String(model.config[name])));
  const neurons = model.tensors.find((one) => /mlp\.c_fc\.weight$/.test(one.name))?.shape[0];
  return el('div', {}, el('h1', {}, 'Model'),
    el('p', { class: 'lead' }, `${count(model.count)} numbers that ` +
      `${/^handmade:/.test(model.ckpt) ? 'somebody chose by hand' : 'training has set'}. Open a ` +
      'box to see what is inside it, down to the numbers themselves.'),
    el('div', { class: 'beside' }, architecture(context, model.tensors),
      el('aside', {}, el('h2', {}, 'Sizes'), el('table', {}, el('tbody', {}, rows,
        bigram ? null : row('neurons in a block', neurons ? count(neurons) : 'none'),
        row('tokenizer', model.tokenizer || 'none'), row('digest', model.digest))))),
    tape_section(context, example(context)));
}
