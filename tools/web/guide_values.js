// The second section: numbers that remember how they were made, drawn as a graph, and backward
// one edge at a time.
import { clear, el, svg } from './dom.js';
import { CodeView, command, predict, section, Stepper } from './guide_parts.js';
import { short_number } from './numbers.js';
import { Work } from './work.js';

const kPrograms = {
  'the trap': 'a = 1\nb = a + a\nc = b + b',
  'a product': 'x = 3\nw = -2\ny = w * x',
  'a neuron': 'x = 2\nw = 0.5\nb = -0.4\nout = relu(w * x + b)',
  'a loss': 'logit = 0.3\nother = 1.1\np = exp(logit) / (exp(logit) + exp(other))\nloss = -log(p)',
  'the example of chapter 1': 'a = -4\nb = 2\nloss = relu(a * b + b ^ 3) + 10 / b',
};

const kSigns = { number: '', add: '+', mul: '×', pow: '^', exp: 'exp', log: 'log', relu: 'relu' };

// Why the slope is what it is, and where the rule stands in engine/value.h.
const kRules = {
  add: ['A sum goes up by as much as each of its parts: its slope is 1.',
    'inline Value operator+(const Arg& a, const Arg& b)'],
  mul: ['A product goes up with one factor as steeply as the other factor is large.',
    'inline Value operator*(const Arg& a, const Arg& b)'],
  pow: ['The slope of x to the n is n times x to the n - 1.', 'inline Value pow('],
  exp: ['exp is its own slope.', 'inline Value exp('],
  log: ['The slope of log x is 1 / x.', 'inline Value log('],
  relu: ['relu passes on what is above 0 with slope 1, and holds back all else with slope 0.',
    'inline Value relu('],
};

// A line that says name = number.
const kInput = /^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*(-?[\d.]+)[ \t]*;?[ \t]*$/gm;

const kBox = { width: 104, height: 54, column: 148, row: 70 };

// ---- where the boxes stand ----------------------------------------------------------------------

// Columns from left to right: whatever is made stands to the right of all it is made of, and plain
// numbers stand right before their first use.
function columns_of(nodes) {
  const by_id = new Map(nodes.map((node) => [node.id, node]));
  const column = new Map();
  for (const node of nodes) {
    const inputs = node.in.map((input) => column.get(input.id));
    column.set(node.id, inputs.length ? 1 + Math.max(...inputs) : 0);
  }
  for (const node of nodes) {
    if (node.op !== 'number') continue;
    const users = nodes.filter((user) => user.in.some((input) => input.id === node.id));
    if (users.length) {
      column.set(node.id, Math.min(...users.map((user) => column.get(user.id))) - 1);
    }
  }
  const columns = [];
  for (const [id, at] of column) (columns[at] ??= []).push(by_id.get(id));
  return columns.map((column) => column ?? []);
}

function places_of(nodes) {
  const columns = columns_of(nodes), places = new Map();
  const tallest = Math.max(...columns.map((column) => column.length));
  columns.forEach((column, c) => {
    const height = (node) => {
      const known = node.in.map((input) => places.get(input.id)?.y).filter((y) => y !== undefined);
      return known.length ? known.reduce((a, b) => a + b) / known.length : 0;
    };
    if (c > 0) column.sort((a, b) => height(a) - height(b));
    const first = (tallest - column.length) / 2;
    column.forEach((node, r) => places.set(node.id,
      { x: 6 + c * kBox.column, y: 6 + (first + r) * kBox.row }));
  });
  return { places, width: columns.length * kBox.column - kBox.column + kBox.width + 12,
    height: tallest * kBox.row + 4 };
}

// ---- the gradients after some steps -------------------------------------------------------------

// forgetful: a program that says = where it must say +=, as many first tries do.
function gradients_after(trace, steps, forgetful) {
  const grads = new Map([[trace.loss, 1]]);
  let last = null;
  for (const step of trace.steps.slice(0, steps)) {
    const add = step.local * (grads.get(step.from) ?? 0);
    const before = grads.get(step.to) ?? 0;
    grads.set(step.to, forgetful ? add : before + add);
    last = { ...step, add, before, total: grads.get(step.to), grad: grads.get(step.from) ?? 0 };
  }
  return { grads, last };
}

function name_of(node) {
  return node.name || (node.op === 'number' ? String(Number(node.data.toPrecision(4)))
    : `#${node.id}`);
}

function draw(node, trace, done, forgetful) {
  const { places, width, height } = places_of(trace.nodes);
  const { grads } = gradients_after(trace, done, forgetful);
  const taken = trace.steps.slice(0, done), now = taken[done - 1];
  const lines = [], boxes = [];
  for (const to of trace.nodes) {
    to.in.forEach((input, k) => {
      const a = places.get(input.id), b = places.get(to.id);
      const twice = to.in.length > 1 && to.in[0].id === to.in[1].id ? (k ? 9 : -9) : 0;
      const x0 = a.x + kBox.width, y0 = a.y + kBox.height / 2;
      const x1 = b.x - 3, y1 = b.y + kBox.height / 2 + twice;
      const met = taken.filter((step) => step.from === to.id && step.to === input.id).length;
      const nth = twice ? k : 0;
      const is_now = now && now.from === to.id && now.to === input.id && met - 1 === nth;
      const kind = is_now ? 'edge now' : met > nth ? 'edge done' : 'edge';
      const bend = (x1 - x0) * 0.5;
      lines.push(svg('path', { class: kind,
        d: `M${x0} ${y0}C${x0 + bend} ${y0 + twice} ${x1 - bend} ${y1} ${x1} ${y1}` }),
      svg('path', { class: `${kind} head`, d: `M${x1 - 5} ${y1 - 4}l6 4l-6 4` }));
    });
  }
  for (const made of trace.nodes) {
    const { x, y } = places.get(made.id), middle = x + kBox.width / 2;
    const grad = grads.get(made.id);
    const kind = `value${made.constant ? ' constant' : ''}${now?.to === made.id ? ' now' : ''}`;
    const sign = kSigns[made.op];
    boxes.push(svg('g', { class: kind },
      svg('rect', { x, y, width: kBox.width, height: kBox.height, rx: 6 }),
      svg('text', { x: middle, y: y + 15, 'text-anchor': 'middle', class: 'name' },
        [made.name, sign].filter(Boolean).join('  ') || 'number'),
      svg('text', { x: middle, y: y + 31, 'text-anchor': 'middle' },
        short_number(made.data, Math.abs(made.data))),
      svg('text', { x: middle, y: y + 46, 'text-anchor': 'middle', class: 'grad' },
        made.constant ? '' : grad === undefined ? 'grad  ?'
          : `grad  ${short_number(grad, Math.abs(grad))}`)));
  }
  clear(node).append(svg('svg', { width, height, role: 'img', 'aria-label':
    `a graph of ${trace.nodes.length} values; the table below says the same` }, lines, boxes));
}

function table_of(trace, done, forgetful) {
  const { grads } = gradients_after(trace, done, forgetful);
  const names = new Map(trace.nodes.map((node) => [node.id, name_of(node)]));
  const exact = (x) => String(Number(x.toPrecision(6)));
  return el('div', { class: 'wide', tabindex: 0 }, el('table', {},
    el('thead', {}, el('tr', {}, ['value', 'made by', 'from', 'number', 'gradient'].map((name) =>
      el('th', { scope: 'col' }, name)))),
    el('tbody', {}, trace.nodes.map((node) => el('tr', {},
      el('th', { scope: 'row' }, names.get(node.id)), el('td', {}, node.op),
      el('td', {}, node.in.map((input) => names.get(input.id)).join(', ')),
      el('td', { class: 'right' }, exact(node.data)),
      el('td', { class: 'right' }, grads.has(node.id) ? exact(grads.get(node.id)) : ''))))));
}

// ---- the section --------------------------------------------------------------------------------

class ValueSection {
  constructor(guide) {
    this.guide = guide;
    this.graph = el('div', { class: 'wide graph', tabindex: 0 });
    this.words = el('p', { class: 'sentence', role: 'status' });
    this.code = new CodeView(guide);
    this.numbers = el('details', { class: 'numbers' }, el('summary', {}, 'the numbers'));
    this.inputs = el('div', { class: 'sliders' });
    this.result = el('div', { class: 'result' });
    this.work = new Work(this.result);
    this.body = [this.graph, this.words, this.numbers, this.code.node];
    this.stepper = new Stepper('backward, one edge at a time', (at) => this.show(at));
    this.text = el('textarea', { rows: 4, spellcheck: 'false', 'aria-label': 'the program',
      oninput: () => this.run() });
    this.forget = el('input', { type: 'checkbox', id: 'guide-forget',
      onchange: () => this.stepper.go(this.stepper.at) });
    this.choice = el('select', { 'aria-label': 'a program to begin with', onchange: () => {
      this.text.value = kPrograms[this.choice.value];
      this.run();
    } }, Object.keys(kPrograms).map((name) => el('option', { value: name }, name)));
    this.text.value = kPrograms['the trap'];
  }

  make() {
    const made = section('values', '2. Numbers that remember how they were made',
      ['A program that learns has to know, of each of its numbers, how the result would change if ' +
      'that number grew a little: its gradient. To find out, every number remembers what it was ' +
      'made from. Then one walk from the end to the beginning is enough. At each edge it multiplies ' +
      'two numbers that stand there already: the gradient that has arrived, and the slope of this ' +
      'one operation. That is the whole chain rule.'],
      predict('In the program below a = 1, b = a + a, c = b + b. If a grows by 0.001, by how much ' +
        'does c grow?', ['0.001', '0.002', '0.004'], 2,
      'b grows twice as fast as a, and c twice as fast as b. Step through: a is used twice, so ' +
        'two edges bring it a gradient, and both count. A program that writes the second one over ' +
        'the first ends with the wrong number; tick the box to see it.'),
      el('div', { class: 'two' },
        el('div', {}, this.choice, this.text, this.inputs),
        el('div', {}, this.stepper.node, el('p', {}, this.forget, el('label',
          { for: 'guide-forget' }, ' the mistake: write gradients over one another instead of ' +
          'adding them')))),
      this.result, command('glass micro --pause --steps 1'));
    this.run();
    return made;
  }

  run() {
    this.work.run((signal) => this.guide.ask('value', { program: this.text.value }, signal),
      (trace) => {
        this.trace = trace;
        if (this.graph.parentNode !== this.result) clear(this.result).append(...this.body);
        this.offer_inputs();
        this.stepper.set(trace.steps.length + 1, 0);
      });
  }

  // A slider for every line that says name = number.
  offer_inputs() {
    const lines = [...this.text.value.matchAll(kInput)];
    const names = lines.map((line) => line[1]).join();
    if (names !== this.offered) {
      this.offered = names;
      clear(this.inputs).append(...lines.map(([, name]) => {
        const id = `guide-input-${name}`;
        const slider = el('input', { type: 'range', id, min: -5, max: 5, step: 0.1, oninput: () => {
          this.text.value = this.text.value.replace(
            new RegExp(`^([ \\t]*${name}[ \\t]*=[ \\t]*)-?[\\d.]+`, 'm'), `$1${slider.value}`);
          this.run();
        } });
        return el('div', {}, el('label', { for: id }, name), slider);
      }));
    }
    for (const [, name, number] of lines) {
      const slider = this.inputs.querySelector(`#guide-input-${name}`);
      if (document.activeElement !== slider) slider.value = Number(number);
    }
  }

  show(at) {
    const trace = this.trace, forgetful = this.forget.checked;
    draw(this.graph, trace, at, forgetful);
    const open = this.numbers.open;
    clear(this.numbers).append(el('summary', {}, 'the numbers'), table_of(trace, at, forgetful));
    this.numbers.open = open;
    const words = this.sentence(at, forgetful);
    this.words.textContent = words;
    return words;
  }

  sentence(at, forgetful) {
    const trace = this.trace, by_id = new Map(trace.nodes.map((node) => [node.id, node]));
    const number = (x) => String(Number(x.toPrecision(5)));
    if (at === 0) {
      this.rule = null;
      this.code.hide();
      return `Forward is done: ${name_of(by_id.get(trace.loss))} = ` +
        `${number(by_id.get(trace.loss).data)}. Its own gradient is 1: it grows as fast as ` +
        'itself. Press next to walk back.';
    }
    const { last } = gradients_after(trace, at, forgetful);
    const from = by_id.get(last.from), to = by_id.get(last.to), [why, rule] = kRules[from.op];
    this.show_rule(rule);
    const end = at === trace.steps.length ? this.verdict(forgetful) : '';
    return `${name_of(to)}.grad ${forgetful ? '=' : '+='} ${number(last.local)} × ` +
      `${number(last.grad)}: the slope of this operation times ${name_of(from)}.grad. ` +
      `That makes ${name_of(to)}.grad = ${number(last.total)}. ${why}${end}`;
  }

  verdict(forgetful) {
    if (!forgetful) return ' Every gradient is now complete.';
    const { grads } = gradients_after(this.trace, this.trace.steps.length, true);
    const wrong = this.trace.nodes.filter((node) => grads.has(node.id) && !node.constant &&
      Math.abs(grads.get(node.id) - node.grad) > 1e-9 * Math.max(1, Math.abs(node.grad)));
    return wrong.length ? ` Wrong now: ${wrong.map((node) => `${name_of(node)}.grad should be ` +
      `${Number(node.grad.toPrecision(5))}`).join(', ')}.`
      : ' Here nothing is used twice, so the mistake does not show.';
  }

  async show_rule(rule) {
    const asked = this.rule = rule;
    const lines = await this.guide.source('value.h').catch(() => []);
    const at = lines.findIndex((line) => line.includes(rule));
    if (at >= 0 && this.rule === asked) this.code.show('value.h', at + 1, 1);
  }
}

export function value_section(guide) {
  return new ValueSection(guide).make();
}
