// The sections that follow one name through the model: as tokens, vector by vector, and head by
// head.
import { clear, el } from './dom.js';
import { figure } from './figures.js';
import { around_zero, CodeView, command, predict, section, Stepper, upto } from './guide_parts.js';
import { Work } from './work.js';

// ---- 1. tokens ----------------------------------------------------------------------------------

export function token_section(guide, state) {
  const chips = el('div', { class: 'chips', 'aria-live': 'polite' });
  const work = new Work(chips);
  const read = () => work.run((signal) => guide.ask('tokens', { text: input.value }, signal),
    ({ tokens, strings }) => {
      clear(chips).append(...tokens.map((token, i) => el('span', { class: 'chip' },
        el('b', {}, strings[i]), el('span', {}, String(token)))));
      if (input.value && guide.name !== input.value) {
        guide.name = input.value;
        guide.tell('name');
      }
    });
  const input = el('input', { type: 'text', value: guide.name, maxlength: 15, spellcheck: 'false',
    autocomplete: 'off', 'aria-label': 'a name', oninput: read });
  read();
  return section('tokens', '1. Letters become numbers',
    [`The model reads names, letter by letter. It has seen ${state.names.toLocaleString('en-US')} ` +
    `of them. To a computer a letter is a number, so each of the ${state.vocab - 1} letters gets ` +
    'one; a letter with its number is a token. One more token, BOS, stands before and after every ' +
    'name: the model has to learn, too, how names begin and where they end.'],
    predict('How many tokens is the name emma?', ['4', '5', '6'], 2,
      'Four letters, and BOS on both sides.'),
    el('p', {}, el('label', {}, 'Type a name: ', el('span', { class: 'short' }, input))), chips,
    el('p', { class: 'remark' }, `The ${state.vocab} tokens: ${state.letters.map((letter, i) =>
      `${letter} ${i}`).join(', ')}.`));
}

// ---- 4. forward ---------------------------------------------------------------------------------

// In the order of the program: what a vector is called there, what it means, and how to draw it.
const kVectors = {
  embedding: ['The letter and its place', 'Row of the letter in wte plus row of the place in wpe. ' +
    'From here on a token is 16 numbers, and all that follows only changes them.'],
  normed: ['Brought to one size', 'rmsnorm divides all 16 numbers by their typical size, so that ' +
    'none of the next steps gets numbers that are too large or too small.'],
  attn_in: ['Brought to one size again', 'What attention reads is normed once more. What comes ' +
    'out of attention will be added to the numbers from before: those are kept on the side.'],
  q: ['The question', 'What is this token looking for? A matrix of 16 x 16 weights makes 16 ' +
    'numbers; four heads get 4 of them each.'],
  k: ['The key', 'What does this token offer to others that look for something? The keys of all ' +
    'tokens so far are kept.'],
  v: ['The value', 'What does it say to whoever listens? Values are kept as well.'],
  scores: ['How well keys answer the question', 'Each head multiplies its 4 numbers of the ' +
    'question with its 4 of every key so far, and adds up: large where both agree.'],
  weights: ['Whom each head listens to', 'softmax turns scores into shares that add up to 1.'],
  heard: ['What was heard', 'The values of all tokens so far, mixed by these shares; each head ' +
    'mixes its own 4 numbers.'],
  attn_out: ['Added to what was there', 'One more matrix brings the heads together, and the ' +
    'result is added to the numbers from before attention.'],
  mlp_in: ['Brought to one size', 'The second half begins as the first one did: with rmsnorm.'],
  hidden: ['64 questions', 'Each token thinks by itself now. 64 rows of weights ask 64 yes-or-no ' +
    'questions about the 16 numbers.'],
  relu: ['Only the yes', 'relu makes 0 of everything below 0. Without it the whole model would ' +
    'be one big multiplication.'],
  mlp_out: ['Added again', 'The 64 answers become 16 numbers and are added to those from before.'],
  logits: ['A number for every letter', 'The last matrix has one row for each token: the more ' +
    'its row agrees with the 16 numbers, the likelier it comes next.'],
  probs: ['What comes next', 'softmax makes probabilities of them. The loss is the surprise: ' +
    '-log of the probability of the letter that really came.'],
};

// Rows of one position: what heads have of their own becomes one picture.
function steps_of(rows) {
  const steps = [];
  for (const row of rows) {
    const last = steps.find((step) => step.name === row.name);
    if (last && row.head !== undefined) last.heads.push(row.values);
    else steps.push({ ...row, heads: row.head === undefined ? null : [row.values] });
  }
  return steps;
}

function picture_of(step, seen, letters) {
  const title = `${step.name}: ${step.heads ? step.heads.length * step.values.length
    : step.values.length} numbers`;
  if (step.heads) {
    const columns = seen.strings.slice(0, step.values.length);
    const map = around_zero(title, step.heads.map((_, h) => `head ${h}`), columns,
      step.heads.flat(), { numbers: true });
    return step.name === 'weights' ? { ...map, colours: 'rising', range: [0, 1] } : map;
  }
  if (step.name === 'probs') {
    const order = step.values.map((p, token) => ({ p, token })).sort((a, b) => b.p - a.p);
    return { kind: 'bars', title, unit: 'probability', references: [],
      bars: order.slice(0, 10).map(({ p, token }) => ({ name: letters[token], value: p,
        note: token === step.wanted ? 'came' : '' })) };
  }
  if (step.name === 'logits') return around_zero(title, [step.name], letters, step.values);
  if (step.values.length === 64) {
    return around_zero(title, ['0', '16', '32', '48'], upto(16), step.values);
  }
  return around_zero(title, [step.name], upto(step.values.length), step.values,
    { numbers: true });
}

class ForwardSection {
  constructor(guide, state) {
    this.guide = guide;
    this.letters = state.letters;
    this.position = 0;
    this.chips = el('div', { class: 'chips', role: 'group', 'aria-label': 'which letter' });
    this.result = el('div', { class: 'result' });
    this.work = new Work(this.result);
    this.name = el('h3', { class: 'step-name' });
    this.words = el('p', { class: 'sentence', role: 'status' });
    this.picture = el('div', { class: 'held' });
    this.code = new CodeView(guide);
    this.stepper = new Stepper('through the model, one vector at a time', (at) => this.show(at));
    guide.on('name', () => this.run());
    guide.on('weights', () => this.run());
  }

  make() {
    const made = section('forward', '4. One letter on its way through the model',
      ['Everything that happens between a letter and the guess of the next one, in order: ' +
      'sixteen vectors, each made from the ones before. Each step is one line of the program, ' +
      'and it stands below the picture.'],
      predict('A large model has hundreds of such steps. Where do they come from?',
        ['other kinds of steps are added', 'the middle is repeated', 'each step is cut into many'],
        1, 'From attn_in to mlp_out all is done again, some dozens of times, each time with ' +
        'weights of its own; nothing else is added.'),
      this.chips, this.stepper.node, this.result, command('glass micro --pause --steps 1'));
    this.run();
    return made;
  }

  run() {
    this.work.run((signal) => this.guide.ask('forward', { text: this.guide.name }, signal),
      (seen) => {
        this.seen = seen;
        this.position = Math.min(this.position, seen.positions.length - 1);
        clear(this.chips).append(...seen.positions.map((_, i) => el('button', { type: 'button',
          class: 'chip', 'aria-pressed': String(i === this.position),
          onclick: () => this.choose(i) }, seen.strings[i])));
        if (this.name.parentNode !== this.result) {
          clear(this.result).append(this.name, this.words, this.picture, this.code.node);
        }
        this.choose(this.position);
      });
  }

  choose(position) {
    this.position = position;
    [...this.chips.children].forEach((chip, i) =>
      chip.setAttribute('aria-pressed', String(i === position)));
    this.steps = steps_of(this.seen.positions[position]);
    this.stepper.set(this.steps.length);
  }

  show(at) {
    const step = this.steps[at], [title, words] = kVectors[step.name] ?? [step.name, ''];
    const next = this.seen.tokens[this.position + 1];
    this.name.textContent = title;
    this.words.textContent = words + (step.name !== 'probs' ? '' :
      ` Here ${this.letters[next]} came, with probability ` +
      `${step.values[next].toFixed(3)}: a loss of ${this.seen.losses[this.position].toFixed(3)}.`);
    clear(this.picture).append(figure(picture_of({ ...step, wanted: next }, this.seen,
      this.letters)));
    // The first vector is made in a loop, one line above the one that names it.
    const first = step.name === 'embedding';
    this.code.show((first ? step.made_file : step.file).split('/').pop(),
      first ? step.made_line : step.line);
    return `${step.name}: ${this.words.textContent}`;
  }
}

export function forward_section(guide, state) {
  return new ForwardSection(guide, state).make();
}

// ---- 5. attention -------------------------------------------------------------------------------

// Where each head looks, for all letters at once; what comes later cannot be seen.
function gallery_of(seen) {
  const names = seen.positions.map((_, i) => seen.strings[i]), T = names.length;
  const maps = [];
  seen.positions.forEach((rows, q) => rows.filter((row) => row.name === 'weights')
    .forEach((row) => {
      maps[row.head] ??= { kind: 'heatmap', title: `head ${row.head}`, row_axis: 'looks',
        column_axis: 'at', rows: names, columns: names, values: new Float32Array(T * T).fill(NaN),
        colours: 'rising', unit: 'share', numbers: false, range: [0, 1] };
      maps[row.head].values.set(row.values, q * T);
    }));
  return { kind: 'gallery', title: `Where each head looks in ${names.slice(1).join('')}`, maps };
}

export function attention_section(guide) {
  const result = el('div', { class: 'result' }), work = new Work(result);
  const run = () => work.run((signal) => guide.ask('forward', { text: guide.name }, signal),
    (seen) => clear(result).append(figure(gallery_of(seen))));
  guide.on('name', run);
  guide.on('weights', run);
  run();
  return section('attention', '5. Whom letters listen to',
    ['Attention is the only place where letters hear of each other. A row is a letter that looks ' +
    'back, a column is one that it may look at, and each row adds up to 1. An untrained head ' +
    'looks at everybody alike; come back after training (section 6), and the heads will differ.'],
    predict('What can the first token, BOS, look at?', ['at the whole name', 'only at itself'], 1,
      'Nobody may look ahead: the letters after it are what it has to guess. The upper right ' +
      'half of each picture is empty for that reason.'),
    result);
}
