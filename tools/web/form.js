// A form made from a table of options, as GET /api/analyses tells it: the words, choices, bounds
// and defaults are those of the command line, and so is what the form says.
import { el } from './dom.js';

const kLater = new Set(['tokens', 'seed', 'bos']);   // of little use to most who look
const kNames = { L: 'layer', N: 'neuron', F: 'feature', n: 'tokens in a copy',
  icl: 'learning in context', mlps: 'whole mlps',
  'max-new-tokens': 'tokens to write', towards: 'towards a text', away: 'away from a text' };
let numbered = 0;

function number_input(option) {
  const bound = (value) => value === null || Math.abs(value) >= 1e6 ? null : value;
  return el('input', { type: 'number', min: bound(option.min), max: bound(option.max),
    step: option.type === 'integer' ? 1 : 'any', placeholder: option.fallback,
    inputmode: option.type === 'integer' ? 'numeric' : 'decimal' });
}

function select_input(choices, chosen) {
  return el('select', {}, choices.map(([value, words]) =>
    el('option', { value, selected: value === chosen }, words)));
}

// A choice of few words shows them all.
function choice_input(option, id) {
  const choices = option.choices.filter(Boolean);
  if (choices.length > 4) return select_input(choices.map((word) => [word, word]), option.fallback);
  return el('span', { class: 'segments', role: 'radiogroup', 'aria-labelledby': `${id}-name` },
    choices.map((word) => el('label', {}, el('input', { type: 'radio', name: id, value: word,
      checked: word === option.fallback }), el('span', {}, word))));
}

class Field {
  constructor(option, extra) {
    this.option = option;
    const id = `f${++numbered}-${option.name}`;
    if (option.type === 'flag') {
      this.input = el('input', { type: 'checkbox', checked: option.fallback === 'true' });
    } else if (extra?.choices) {
      this.input = select_input([['', extra.none ?? 'all'], ...extra.choices], '');
    }
    else if (option.type === 'choice') this.input = choice_input(option, id);
    else if (option.type === 'text') {
      this.input = el('input', { type: 'text', placeholder: option.fallback || option.value,
        spellcheck: 'false', autocomplete: 'off' });
    } else this.input = number_input(option);
    if (this.input.className !== 'segments') this.input.id = id;
    this.input.dataset.option = option.name;
    const help = el('small', { id: `${id}-help` }, extra?.help ?? option.help);
    this.input.setAttribute('aria-describedby', help.id);
    const name = el('label', { id: `${id}-name`, for: this.input.id || null },
      kNames[option.name] ?? option.name.replaceAll('-', ' '));
    this.node = el('div', { class: `field ${option.type}${extra?.wide ? ' wide-field' : ''}` },
      option.type === 'flag' ? [el('span', { class: 'tick' }, this.input, name)]
        : [name, this.input], help);
  }

  get segments() { return this.input.className === 'segments'; }

  get value() {
    if (this.option.type === 'flag') {
      return this.input.checked === (this.option.fallback === 'true') ? '' : this.input.checked;
    }
    if (this.segments) return this.input.querySelector('input:checked')?.value ?? '';
    return this.input.value;
  }

  set value(value) {
    if (this.option.type === 'flag') this.input.checked = value === true || value === 'true';
    else if (this.segments) {
      const choice = [...this.input.querySelectorAll('input')].find((one) => one.value === value);
      if (choice) choice.checked = true;
    } else this.input.value = value;
  }
}

// What the form says as the body of a request: only what differs from the defaults, so that the
// command of the result is short.
function body_of(fields) {
  const body = {};
  for (const [name, field] of fields) {
    const { type, fallback } = field.option, value = field.value;
    if (value === '' || value === fallback) continue;
    body[name] = type === 'integer' || type === 'number' ? Number(value) : value;
  }
  return body;
}

// options: of one analysis. extras: by name, what the page knows better: {choices, wide, hidden}.
// at_once: a choice is an answer; without it, only the button is.
export function make_form(options, extras, run_words, on_run, { at_once = true } = {}) {
  const fields = new Map();
  const first = el('div', { class: 'fields' }), later = el('div', { class: 'fields' });
  for (const option of options) {
    const extra = extras[option.name];
    const field = new Field(option, extra);
    fields.set(option.name, field);
    if (extra?.hidden) continue;
    const back = extra?.later ?? kLater.has(option.name);
    (back ? later : first).append(field.node);
  }
  const form = el('form', { class: 'options', autocomplete: 'off' },
    first.childElementCount ? first : null,
    el('div', { class: 'actions' }, el('button', { type: 'submit', class: 'go' }, run_words),
      later.childElementCount ? el('details', {}, el('summary', {}, 'more options'), later)
        : null));
  form.addEventListener('submit', (event) => { event.preventDefault(); on_run(body_of(fields)); });
  form.addEventListener('change', (event) => {
    if (at_once && event.target.type !== 'text' && form.reportValidity()) on_run(body_of(fields));
  });
  return {
    node: form,
    body: () => body_of(fields),
    set(values) {
      for (const [name, value] of Object.entries(values)) {
        if (fields.has(name) && value !== undefined) fields.get(name).value = String(value);
      }
    },
  };
}
