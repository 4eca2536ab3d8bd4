// Work that is under way: one request at a time for each place on the page. A new one cancels the
// one before; a sign of waiting appears only where it takes longer than a blink; what goes wrong is
// told as a sentence with what to do about it.
import { clear, el } from './dom.js';

const kBlink = 150;   // ms

// in_words(sentence): the words or elements to say it with, where the page has better ones.
export function complaint(error, in_words = (sentence) => sentence) {
  return el('div', { class: 'complaint', role: 'alert' },
    el('p', {}, in_words(capital(error.message))),
    error.hint ? el('p', { class: 'hint' }, error.link
      ? el('a', { href: error.link }, capital(error.hint)) : capital(error.hint)) : null);
}

// A sentence begins with a capital, unless with a name: of a file, or one that programs use.
function capital(text) {
  const said = String(text).trim();
  const named = /^\S*[/._:]\S/.test(said);
  const begun = named ? said : said.charAt(0).toUpperCase() + said.slice(1);
  return /[.!?:]$/.test(begun) ? begun : begun + '.';
}

export class Work {
  // node: where the result stands. Old results stay, faded, until new ones are there.
  // in_words(sentence): what is told goes through it, where the page has better words.
  constructor(node, in_words = (sentence) => sentence) {
    this.node = node;
    this.in_words = in_words;
    this.stopped = () => {};   // told when somebody presses stop
    this.running = null;
  }

  cancel() {
    this.running?.abort();
    this.running = null;
    this.node.removeAttribute('aria-busy');
    this.bar?.remove();
    this.bar = null;
  }

  // How far it is, in front of the node: {done, all, what}, as the server tells it.
  progress({ done, all, what }) {
    if (!this.bar) {
      this.bar = el('p', { class: 'progress' }, el('progress', { 'aria-label': 'how far it is' }),
        el('span', {}), el('button', { type: 'button', class: 'quiet',
          onclick: () => { this.cancel(); this.stopped(); } }, 'stop'));
      this.node.before(this.bar);
    }
    const [meter, words] = this.bar.children;
    meter.max = all;
    meter.value = done;
    const count = (n) => n.toLocaleString('en-US');
    words.textContent = `${count(done)} of ${count(all)}: ${what}`;
  }

  // What is said in the place of a result.
  say(...words) {
    this.cancel();
    clear(this.node).append(...words);
  }

  // ask(signal) gives what show(answer) puts on the page.
  async run(ask, show) {
    this.cancel();
    const mine = new AbortController();
    this.running = mine;
    const sign = setTimeout(() => this.node.setAttribute('aria-busy', 'true'), kBlink);
    try {
      const answer = await ask(mine.signal);
      if (this.running === mine) show(answer);
    } catch (error) {
      if (this.running === mine && error.name !== 'AbortError') {
        clear(this.node).append(complaint(error, this.in_words));
      }
    } finally {
      clearTimeout(sign);
      if (this.running === mine) this.cancel();
    }
  }
}
