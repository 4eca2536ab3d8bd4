// Generate: the model writes, and every token shows how likely it was and what else could have
// come. With a direction to steer in, it writes twice with the same dice, as it is and steered, so
// that what differs is the direction's doing.
import { colour_at, css, ink_for } from './colours.js';
import { clear, el, ground, on_scheme, say } from './dom.js';
import { bars } from './plots.js';
import { command_line } from './result.js';
import { shell_line } from './shell.js';
import { page_words } from './words.js';
import { complaint } from './work.js';

// What a person turns: the names are those of POST /api/generate.
const kKnobs = [
  { name: 'temperature', min: 0, max: 2, step: 0.05, value: 0.8,
    help: '0: always the likeliest token; 1: as the model says; more: bolder' },
  { name: 'top_k', min: 0, max: 100, step: 1, value: 0,
    help: 'only the likeliest so many; 0: all' },
  { name: 'top_p', min: 0, max: 1, step: 0.01, value: 1,
    help: 'only the likeliest that together have this share' },
  { name: 'min_p', min: 0, max: 1, step: 0.01, value: 0,
    help: 'only those with this share of the likeliest one\'s' },
];

function knob({ name, min, max, step, value, help }) {
  const slider = el('input', { type: 'range', min, max, step, value, 'aria-label': name });
  const number = el('input', { type: 'number', min, max: name === 'top_k' ? null : max, step, value,
    id: `knob-${name}`, 'data-option': name });
  slider.addEventListener('input', () => { number.value = slider.value; });
  number.addEventListener('input', () => { slider.value = number.value; });
  return { name, number, node: el('div', { class: 'field knob' },
    el('label', { for: number.id }, name.replace('_', '-')),
    el('span', { class: 'turn' }, slider, number), el('small', {}, help)) };
}

// The guesses at one place: what the model says, and what the knobs made of it.
function guesses(event) {
  const quoted = (text) => `"${text.replaceAll('\n', '\\n')}"`;
  const row = (part) => event.top5.map((guess) => ({ name: quoted(guess.text), value: guess[part],
    note: guess.id === event.id ? 'chosen' : '' }));
  const chosen = event.top5.some((guess) => guess.id === event.id) ? []
    : ['prob', 'chance'].map((part) => ({ name: quoted(event.token), value: event[part],
      note: 'chosen' }));
  return [
    bars({ title: 'What the model says', unit: '', references: [],
      bars: [...row('prob'), ...chosen.slice(0, 1)] }),
    bars({ title: 'After temperature and cuts', unit: '', references: [],
      bars: [...row('chance'), ...chosen.slice(1)] }),
  ];
}

function paint(span, probability) {
  const colour = colour_at('rising', 0.7 * (1 - Math.sqrt(probability)), ground());
  span.style.background = css(colour);
  span.style.color = ink_for(colour);
}
function paint_always(span, probability) {
  paint(span, probability);
  on_scheme(span, () => paint(span, probability));
}

// The command that writes the same.
function command_of({ ckpt, vocab_size, tokenizer }, { steering, ...body }) {
  if (!tokenizer) return null;   // glass sample writes texts only
  const options = { ckpt, ...(body.prompt ? { prompt: body.prompt } : {}),
    'max-new-tokens': body.n, temperature: body.temperature, seed: body.seed };
  if (body.top_k > 0) options['top-k'] = body.top_k;
  else if (vocab_size > 200) options['top-k'] = vocab_size;   // 200: what the commands cut at
  if (body.top_p < 1) options['top-p'] = body.top_p;
  if (body.min_p > 0) options['min-p'] = body.min_p;
  if (!steering) return shell_line('glass sample', options);
  const { strength, ...direction } = steering;
  return shell_line('glass interp steer', { ...options, ...direction, strengths: strength });
}

class Writing {
  constructor(context, title) {
    this.context = context;
    this.pointed_at = () => {};   // told the number of the token that somebody points at
    this.text = el('p', { class: 'written', 'aria-live': 'off' });
    this.side = el('aside', { class: 'guesses', 'aria-label': 'what could have come' },
      el('p', { class: 'remark' }, 'Point at a token, or move to it with the Tab key.'));
    this.remark = el('p', { class: 'remark', role: 'status' });
    this.trouble = el('div', {});
    this.command = el('div', {});
    this.events = [];
    this.node = el('section', { class: 'writing', 'aria-label': title },
      el('div', {}, title ? el('h2', {}, title) : null, this.text, this.trouble, this.remark,
        this.command), this.side);
  }

  // The guesses behind token `number`, if it is written already.
  show(number) {
    const spans = this.text.querySelectorAll('.token');
    if (!spans[number]) return;
    for (const other of this.text.querySelectorAll('.asked')) other.classList.remove('asked');
    spans[number].classList.add('asked');
    clear(this.side).append(...guesses(this.events[number]));
  }

  add(event) {
    const number = this.events.length;
    this.events.push(event);
    const span = el('span', { class: 'token', tabindex: 0, role: 'button',
      'aria-label': `${event.token}, probability ${event.prob.toFixed(3)}` }, event.token);
    paint_always(span, event.prob);
    const point = () => { this.pointed = true; this.show(number); this.pointed_at(number); };
    span.addEventListener('pointerenter', point);
    span.addEventListener('focus', point);
    this.text.append(span);
    if (!this.pointed) this.show(number);
    this.nats -= Math.log(Math.max(event.prob, 1e-30));
    const seconds = Math.max((performance.now() - this.began) / 1000, 1e-3);
    const written = this.events.length;
    this.remark.textContent = `${written} tokens, ${Math.round(written / seconds)} a second; ` +
      `${(this.nats / written).toFixed(3)} nats a token`;
  }

  async run(body) {
    this.stop();
    const mine = this.running = new AbortController();
    clear(this.text).append(el('span', { class: 'prompt' },
      body.prompt ?? body.tokens.map((id) => `#${id} `).join('')));
    Object.assign(this, { events: [], nats: 0, pointed: false, began: performance.now() });
    this.remark.textContent = '';
    clear(this.trouble);
    const command = command_of(this.context.model, body);
    clear(this.command).append(command ? command_line(command) : '');
    try {
      await this.context.transport.stream('/api/generate', body, (name, data) => {
        if (this.running !== mine) return;
        if (name === 'token') this.add(data);
      }, mine.signal);
      if (this.running === mine) say(this.text.textContent);
    } catch (error) {
      if (error.name !== 'AbortError' && this.running === mine) {
        clear(this.trouble).append(complaint(error, page_words));
      }
    }
    if (this.running === mine) this.running = null;
  }

  stop() {
    this.running?.abort();
    this.running = null;
  }
}

// ---- steering -----------------------------------------------------------------------------------

// Where the stream can be added to: before each block, and behind the last one.
function places_of({ layers }) {
  const before = Array.from({ length: layers }, (_, l) =>
    [`blocks.${l}.hook_resid_pre`, `before block ${l}`]);
  return [...before, [`blocks.${layers - 1}.hook_resid_post`, 'behind the last block']];
}

// towards, away, at, feature: options of `glass interp steer`, strength: one of its strengths.
function steering_fields({ model }, query) {
  const input = (name, attributes) => el('input', { id: `steer-${name}`, 'data-option': name,
    spellcheck: 'false', value: query[name] ?? '', ...attributes });
  const towards = input('towards', { type: 'text', placeholder: 'a text' });
  const away = input('away', { type: 'text', placeholder: 'a text' });
  const strength = input('strength', { type: 'number', step: 'any', min: -1e6, max: 1e6,
    value: query.strength ?? 2 });
  const feature = input('feature', { type: 'number', min: 0, step: 1, placeholder: 'none' });
  const middle = `blocks.${Math.floor(model.layers / 2)}.hook_resid_pre`;
  const at = el('select', { id: 'steer-at', 'data-option': 'at' }, places_of(model).map(
    ([place, words]) => el('option', { value: place, selected: place === (query.at ?? middle) },
      words)));
  const field = (words, control, help) => el('div', { class: 'field' },
    el('label', { for: control.id }, words), control, el('small', {}, help));
  const node = el('details', { class: 'steer', open: Boolean(query.towards || query.feature) },
    el('summary', {}, 'steer it'),
    el('p', { class: 'remark' }, 'What the stream holds at the end of one text and not of the ' +
      'other is a direction; it is added at every token that the model reads. The model writes ' +
      'with and without it, with the same dice.'),
    el('div', { class: 'fields' },
      field('towards a text', towards, 'a text that has what is wanted'),
      field('away from a text', away, 'a text that has it not'),
      field('where', at, 'the place of the stream that is read and added to'),
      field('or a feature', feature, 'of a sparse autoencoder: instead of two texts'),
      field('strength', strength, 'how often it is added; below 0 the other way')));
  const said = () => {
    if (!node.open || !(towards.value || away.value || feature.value)) return null;
    const times = { strength: Number(strength.value) };
    if (feature.value) return { feature: Number(feature.value), ...times };
    return { towards: towards.value, away: away.value, at: at.value, ...times };
  };
  return { node, said };
}

// One text, or two beside one another that are pointed at together.
function columns_of(context, steering) {
  if (!steering) return [new Writing(context)];
  const both = [new Writing(context, 'As it is'), new Writing(context, 'Steered')];
  both.forEach((one, i) => {
    one.pointed_at = (number) => { both[1 - i].pointed = true; both[1 - i].show(number); };
  });
  return both;
}

// ---- what it begins with ------------------------------------------------------------------------

// A text; or numbers, where nobody knows what the tokens of this model mean.
function beginning({ model }, query) {
  const input = el('textarea', { rows: 2, spellcheck: 'false', id: 'begins-with',
    'data-option': model.tokenizer ? 'prompt' : 'tokens' });
  const field = (words, help) => el('div', { class: 'field' },
    el('label', { for: input.id }, words), input, help ? el('small', {}, help) : null);
  if (model.tokenizer) {
    input.value = query.prompt ?? model.example;
    return { node: field('prompt'), body: () => ({ prompt: input.value }),
      query: () => ({ prompt: input.value }) };
  }
  input.value = query.tokens ?? '0';
  return { node: field('tokens', `this model has no tokenizer, so it reads and writes numbers of ` +
    `0 .. ${model.vocab_size - 1}, with commas between them`),
  body: () => ({ tokens: input.value.split(/[\s,]+/).filter(Boolean).map(Number) }),
  query: () => ({ tokens: input.value }) };
}

// Numbers of the address that are none, or out of range: the field keeps its own, and it is said.
function numbers_of_address(inputs, query) {
  const wrong = [];
  for (const input of inputs) {
    const said = query[input.dataset.option];
    const { rangeUnderflow, rangeOverflow } = input.validity;
    if (said === undefined || (input.value !== '' && !rangeUnderflow && !rangeOverflow)) continue;
    input.value = { n: 100, seed: 1337 }[input.dataset.option] ??
      kKnobs.find((one) => one.name === input.dataset.option).value;
    input.dispatchEvent(new Event('input'));
    wrong.push(`"${input.dataset.option}" cannot be ${said || 'empty'} here.`);
  }
  return wrong.length ? el('div', { class: 'complaint', role: 'alert' },
    wrong.map((sentence) => el('p', {}, sentence))) : null;
}

// ---- the page -----------------------------------------------------------------------------------

export function generate_page(context, query) {
  const results = el('div', {});
  let writings = [];
  const knobs = kKnobs.map(knob);
  const begins = beginning(context, query);
  const length = el('input', { type: 'number', min: 1, max: 100000, value: query.n ?? 100,
    id: 'knob-n', 'data-option': 'n' });
  const seed = el('input', { type: 'number', min: 0, value: query.seed ?? 1337, id: 'knob-seed',
    'data-option': 'seed' });
  const stop = el('button', { type: 'button' }, 'stop');
  const end = () => { for (const one of writings) one.stop(); };
  stop.addEventListener('click', end);
  const can_steer = context.model.config.arch !== 'bigram' && context.model.tokenizer;
  const steer = can_steer ? steering_fields(context, query) : null;
  const form = el('form', { class: 'options', autocomplete: 'off' },
    begins.node,
    el('div', { class: 'fields' }, knobs.map((one) => one.node),
      el('div', { class: 'field' }, el('label', { for: length.id }, 'tokens to write'), length),
      el('div', { class: 'field' }, el('label', { for: seed.id }, 'seed'), seed,
        el('small', {}, 'the same seed writes the same text'))), steer?.node,
    el('div', { class: 'actions' }, el('button', { type: 'submit', class: 'go' }, 'write'), stop));
  for (const one of knobs) {
    if (query[one.name] === undefined) continue;
    one.number.value = query[one.name];
    one.number.dispatchEvent(new Event('input'));
  }
  const wrong = numbers_of_address([...knobs.map((one) => one.number), length, seed], query);
  const knobbed = () => ({ n: Number(length.value), seed: Number(seed.value),
    ...Object.fromEntries(knobs.map((one) => [one.name, Number(one.number.value)])) });
  const body = () => ({ ...begins.body(), ...knobbed() });
  const run = () => {
    const steering = steer?.said();
    end();
    writings = columns_of(context, steering);
    clear(results).append(...writings.map((one) => one.node));
    results.className = steering ? 'pair' : '';
    writings.forEach((one, i) => one.run(i > 0 ? { ...body(), steering } : body()));
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    context.remember({ ...begins.query(), ...knobbed(), ...steer?.said() });
    run();
  });
  context.leave(end);
  if (Object.keys(query).length) run();
  return el('div', {}, el('h1', {}, 'Generate'),
    el('p', { class: 'lead' }, 'The model writes, one token after the other. The ' +
      'nearer its colour to that of the page, the surer the model was of a token.'), form,
    wrong, results);
}
