// Generate: the model writes, and every token shows how likely it was and what else could have
// come.
import { command_line } from './analysis.js';
import { colour_at, css, ink_for } from './colours.js';
import { clear, el, ground, say } from './dom.js';
import { bars } from './plots.js';
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

// As a shell takes it; the same rule as tools/shell_word.cpp.
function shell_word(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function command_of(ckpt, body) {
  const options = { ckpt, prompt: body.prompt, 'max-new-tokens': body.n,
    temperature: body.temperature, seed: body.seed };
  if (body.top_k > 0) options['top-k'] = body.top_k;   // 0: nothing is cut
  if (body.top_p < 1) options['top-p'] = body.top_p;
  if (body.min_p > 0) options['min-p'] = body.min_p;
  return ['glass sample', ...Object.entries(options).map(
    ([name, value]) => shell_word(`--${name}=${value}`))].join(' ');
}

class Writing {
  constructor(context) {
    this.context = context;
    this.text = el('p', { class: 'written', 'aria-live': 'off' });
    this.side = el('aside', { class: 'guesses', 'aria-label': 'what could have come' },
      el('p', { class: 'remark' }, 'Point at a token, or move to it with the Tab key.'));
    this.remark = el('p', { class: 'remark', role: 'status' });
    this.trouble = el('div', {});
    this.command = el('div', {});
  }

  show(event, span) {
    for (const other of this.text.querySelectorAll('.asked')) other.classList.remove('asked');
    span.classList.add('asked');
    clear(this.side).append(...guesses(event));
  }

  add(event) {
    const span = el('span', { class: 'token', tabindex: 0, role: 'button',
      'aria-label': `${event.token}, probability ${event.prob.toFixed(3)}` }, event.token);
    paint(span, event.prob);
    const point = () => { this.pointed = true; this.show(event, span); };
    span.addEventListener('pointerenter', point);
    span.addEventListener('focus', point);
    this.text.append(span);
    if (!this.pointed) this.show(event, span);
    this.tokens += 1;
    this.nats -= Math.log(Math.max(event.prob, 1e-30));
    const seconds = Math.max((performance.now() - this.began) / 1000, 1e-3);
    this.remark.textContent = `${this.tokens} tokens, ${Math.round(this.tokens / seconds)} a ` +
      `second; ${(this.nats / this.tokens).toFixed(3)} nats a token`;
  }

  async run(body) {
    this.stop();
    const mine = this.running = new AbortController();
    clear(this.text).append(el('span', { class: 'prompt' }, body.prompt));
    Object.assign(this, { tokens: 0, nats: 0, pointed: false, began: performance.now() });
    this.remark.textContent = '';
    clear(this.trouble);
    clear(this.command).append(command_line(command_of(this.context.model.ckpt, body)));
    try {
      await this.context.transport.stream('/api/generate', body, (name, data) => {
        if (this.running !== mine) return;
        if (name === 'token') this.add(data);
      }, mine.signal);
      if (this.running === mine) say(this.text.textContent);
    } catch (error) {
      if (error.name !== 'AbortError' && this.running === mine) {
        clear(this.trouble).append(complaint(error));
      }
    }
    if (this.running === mine) this.running = null;
  }

  stop() {
    this.running?.abort();
    this.running = null;
  }
}

export function generate_page(context, query) {
  const writing = new Writing(context);
  const knobs = kKnobs.map(knob);
  const prompt = el('textarea', { rows: 2, spellcheck: 'false', 'data-option': 'prompt',
    'aria-label': 'prompt' });
  prompt.value = query.prompt ?? context.model.example;
  const length = el('input', { type: 'number', min: 1, max: 100000, value: query.n ?? 100,
    id: 'knob-n', 'data-option': 'n' });
  const seed = el('input', { type: 'number', min: 0, value: query.seed ?? 1337, id: 'knob-seed',
    'data-option': 'seed' });
  const stop = el('button', { type: 'button' }, 'stop');
  stop.addEventListener('click', () => writing.stop());
  const form = el('form', { class: 'options', autocomplete: 'off' },
    el('div', { class: 'field' }, el('label', {}, 'prompt'), prompt),
    el('div', { class: 'fields' }, knobs.map((one) => one.node),
      el('div', { class: 'field' }, el('label', { for: length.id }, 'tokens to write'), length),
      el('div', { class: 'field' }, el('label', { for: seed.id }, 'seed'), seed,
        el('small', {}, 'the same seed writes the same text'))),
    el('div', { class: 'actions' }, el('button', { type: 'submit', class: 'go' }, 'write'), stop));
  for (const one of knobs) {
    if (query[one.name] === undefined) continue;
    one.number.value = query[one.name];
    one.number.dispatchEvent(new Event('input'));
  }
  const body = () => ({ prompt: prompt.value, n: Number(length.value), seed: Number(seed.value),
    ...Object.fromEntries(knobs.map((one) => [one.name, Number(one.number.value)])) });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    context.remember(body());
    writing.run(body());
  });
  context.leave(() => writing.stop());
  if (Object.keys(query).length) writing.run(body());
  return el('div', {}, el('h1', {}, 'Generate'),
    el('p', { class: 'lead' }, 'The model writes, one token after the other. The ' +
      'nearer its colour to that of the page, the surer the model was of a token.'), form,
    el('section', { class: 'writing' },
      el('div', {}, writing.text, writing.trouble, writing.remark, writing.command), writing.side));
}
