// What the sections of the guide are made of: a question with its answer hidden, a row of buttons
// that goes step by step, a few lines of the program, and the guide itself, which all sections share.
import { code_rows, source_lines } from './code.js';
import { clear, copy_button, el, say } from './dom.js';

// The model that the sections look at, and the name that they look at it with.
export class Guide extends EventTarget {
  constructor(transport) {
    super();
    this.transport = transport;
    this.name = 'emma';
  }

  ask(action, body = {}, signal) {
    return this.transport.call('POST', `/api/micro/${action}`, body, signal);
  }

  source(name) { return source_lines(this.transport, name); }

  tell(what) { this.dispatchEvent(new Event(what)); }        // "weights", "name"
  on(what, f) { this.addEventListener(what, () => f()); }
}

export function section(id, title, lead, ...parts) {
  return el('section', { class: 'chapter', id: `guide-${id}`, 'aria-labelledby': `guide-${id}-h` },
    el('h2', { id: `guide-${id}-h` }, title),
    ...[lead].flat().map((text) => el('p', {}, text)), ...parts);
}

// Predict, then look: who has guessed reads the answer with other eyes.
export function predict(question, choices, right, why) {
  const answer = el('p', { class: 'answer', hidden: true });
  const buttons = choices.map((words, i) => el('button', { type: 'button', onclick: () => {
    buttons.forEach((button, k) => {
      button.classList.toggle('right-one', k === right);
      button.classList.toggle('wrong-one', k === i && k !== right);
      button.setAttribute('aria-pressed', String(k === i));
    });
    const verdict = i === right ? 'Yes. ' : `No, it is: ${choices[right]}. `;
    answer.textContent = verdict + why;
    answer.hidden = false;
    say(answer.textContent);
  } }, words));
  return el('aside', { class: 'predict' }, el('p', {}, el('b', {}, 'Guess first. '), question),
    el('div', { class: 'actions' }, buttons), answer);
}

// Goes through `count` things one by one; the slider takes the arrow keys.
export class Stepper {
  constructor(words, show) {
    this.show = show;
    this.at = 0;
    this.count = 0;
    this.slider = el('input', { type: 'range', min: 0, max: 0, step: 1, 'aria-label': words,
      oninput: () => this.go(Number(this.slider.value)) });
    this.place = el('span', { class: 'place' });
    const button = (text, label, to) => el('button', { type: 'button', 'aria-label': label,
      onclick: () => this.go(to()) }, text);
    this.back = button('back', 'one step back', () => this.at - 1);
    this.next = button('next', 'one step on', () => this.at + 1);
    this.next.className = 'go';
    this.node = el('div', { class: 'stepper', role: 'group', 'aria-label': words }, this.back,
      this.next, this.slider, this.place);
  }

  set(count, at = this.at) {
    this.count = count;
    this.slider.max = Math.max(count - 1, 0);
    this.go(at, false);
  }

  go(at, spoken = true) {
    this.at = Math.min(Math.max(at, 0), Math.max(this.count - 1, 0));
    this.slider.value = this.at;
    this.back.disabled = this.at === 0;
    this.next.disabled = this.at >= this.count - 1;
    this.place.textContent = this.count ? `${this.at + 1} of ${this.count}` : '';
    const words = this.count ? this.show(this.at) : '';
    if (words) this.slider.setAttribute('aria-valuetext', words);
    if (words && spoken) say(words);
  }
}

// Lines of the program with one of them marked; others come and go with it.
export class CodeView {
  constructor(guide) {
    this.guide = guide;
    this.node = el('figure', { class: 'code' });
  }

  hide() {
    this.asked = null;
    clear(this.node);
  }

  async show(name, line, around = 3) {
    const asked = this.asked = `${name}:${line}`;
    let lines;
    try {
      lines = await this.guide.source(name);
    } catch {
      return clear(this.node);
    }
    if (this.asked !== asked) return this.node;
    const first = Math.max(line - around, 1), last = Math.min(line + around, lines.length);
    clear(this.node).append(el('figcaption', {}, `${name}, line ${line}`),
      el('pre', { tabindex: 0 }, code_rows(lines, first, last, line)));
    return this.node;
  }
}

export function command(text) {
  return el('p', { class: 'command remark' }, 'In a terminal: ', el('code', {}, text),
    copy_button('copy', () => text));
}

// ---- figures from plain numbers -----------------------------------------------------------------

// A map around zero, whose colours mean the same on both sides.
export function around_zero(title, rows, columns, values, more = {}) {
  let most = 1e-9;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  return { kind: 'heatmap', title, row_axis: '', column_axis: '', rows, columns,
    values: Float32Array.from(values), colours: 'diverging', unit: '', numbers: false,
    range: [-most, most], ...more };
}

export function upto(n) {
  return Array.from({ length: n }, (_, i) => String(i));
}
