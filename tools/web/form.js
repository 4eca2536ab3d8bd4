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
    const help = this.help = el('small', { id: `${id}-help` }, extra?.help ?? option.help);
    this.input.setAttribute('aria-describedby', help.id);
    this.goes_with = extra?.goes_with ?? [];   // options that a command asks for beside this one
    const name = el('label', { id: `${id}-name`, for: this.input.id || null },
      this.name);
    this.node = el('div', { class: `field ${option.type}${extra?.wide ? ' wide-field' : ''}` },
      option.type === 'flag' ? [el('span', { class: 'tick' }, this.input, name)]
        : [name, this.input], help);
  }

  get name() { return kNames[this.option.name] ?? this.option.name.replaceAll('-', ' '); }

  // Of a value that was set: whether it was one.
  takes(value) {
    const { type } = this.option;
    if (type === 'flag') return ['true', 'false', ''].includes(value);
    if (this.input.type === 'number') {
      return value === '' || (this.input.value !== '' && this.input.checkValidity());
    }
    return this.value === value;
  }

  get offers() {
    const { type, min, max } = this.option;
    if (this.input.type === 'number') {
      const few = min !== null && max !== null && Math.abs(max) < 1e6;
      const bounds = few ? ` of ${min} .. ${max}` : '';
      return `: it is ${type === 'integer' ? 'a whole number' : 'a number'}${bounds}`;
    }
    const choices = [...this.input.querySelectorAll('option, input')].map((one) => one.value)
      .filter(Boolean);
    if (!choices.length) return '';
    return `: there ${choices.length > 1 ? 'are' : 'is'} ${choices.length > 6
      ? `${choices[0]} .. ${choices.at(-1)}` : choices.join(', ')}`;
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

  // What stands here when nobody says anything.
  expect(fallback) {
    const untouched = this.value === '' || this.value === this.option.fallback;
    this.option = { ...this.option, fallback };
    if (['text', 'number'].includes(this.input.type)) {
      this.input.placeholder = fallback || this.option.value;
    } else if (untouched) this.value = fallback;
  }
}

// What the form says as the body of a request: only what differs from the defaults, and from what
// the last answer filled in, so that the command of the result is short.
function body_of(fields) {
  const asked = new Set();
  for (const [name, { value, option, found, goes_with }] of fields) {
    if (value === '' || value === option.fallback || value === found) continue;
    for (const one of [name, ...goes_with]) if (fields.get(one).value !== '') asked.add(one);
  }
  return Object.fromEntries([...fields].filter(([name]) => asked.has(name)).map(([name, field]) => {
    const number = ['integer', 'number'].includes(field.option.type);
    return [name, number ? Number(field.value) : field.value];
  }));
}

// The name that a config file has for an option: n_embd, or dropout at the head of a sentence.
function of_config(said, fields) {
  const field = (name) => fields.get(name.toLowerCase().replaceAll('_', '-'));
  return said.replace(/\b[a-z]+(?:_[a-z]+)+\b|^[A-Za-z]+(?= (?:is|must) )/g,
    (name) => (field(name) ? `"${field(name).name}"` : name));
}

// A sentence of the command line in the words of the form: "--prompt TEXT" is its "prompt". A
// command in it stays as a terminal takes it.
function in_fields(sentence, fields) {
  const [before, command] = sentence.split(/(?=\bglass [a-z].*)/s);
  const said = before.replace(/--([a-z][a-z0-9-]*)(=?)(?: ([^\s,.;:]+(?:,[^\s,.;:]+)*))?/g,
    (all, name, equals, next) => {
      const field = fields.get(name);
      if (!field || equals) return all;
      const placeholder = next !== undefined && next === field.option.value;
      return `"${field.name}"${next === undefined || placeholder ? '' : ` ${next}`}`;
    });
  return of_config(said, fields) + (command ?? '');
}

// What was asked for in an address and cannot be: a sentence each.
function wrong_values(fields, values) {
  const wrong = [];
  for (const [name, value] of Object.entries(values)) {
    const field = fields.get(name);
    if (!field) wrong.push(`This page has no "${name}".`);
    else if (!field.takes(String(value))) {
      wrong.push(`"${field.name}" cannot be ${value || 'empty'} here${field.offers}.`);
    }
  }
  return wrong;
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
  for (const { help } of fields.values()) help.textContent = in_fields(help.textContent, fields);
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
    expect(values) {
      for (const [name, value] of Object.entries(values)) fields.get(name)?.expect(value);
    },
    // Gives what was wrong with them, a sentence each.
    set(values) {
      const known = Object.entries(values).filter(([, value]) => value !== undefined);
      for (const [name, value] of known) {
        if (fields.has(name)) fields.get(name).value = String(value);
      }
      const wrong = wrong_values(fields, Object.fromEntries(known));
      for (const { input } of fields.values()) if (input.selectedIndex < 0) input.selectedIndex = 0;
      return wrong;
    },
    // What an answer says of fields that nobody filled: it stands in them, to be changed.
    fill(values) {
      for (const [name, value] of Object.entries(values)) {
        const field = fields.get(name);
        if (field.value === '' || field.value === field.found) field.value = field.found = value;
      }
    },
    in_fields: (sentence) => in_fields(sentence, fields),
  };
}
