// The lines of the program behind a number, as they were compiled: a few of them around one that is
// marked, or a whole file that begins at the function in question.
import { clear, copy_button, el } from './dom.js';
import { complaint } from './work.js';

const kAsked = new WeakMap();   // by transport: the files that were asked for, by name

// The lines of a file of the program, asked for once.
export function source_lines(transport, name) {
  if (!kAsked.has(transport)) kAsked.set(transport, new Map());
  const files = kAsked.get(transport);
  if (!files.has(name)) {
    const lines = transport.call('GET', `/api/source/${name}`)
      .then((said) => said.text.replace(/\n$/, '').split('\n'));
    lines.catch(() => files.delete(name));
    files.set(name, lines);
  }
  return files.get(name);
}

// Lines first .. last, counted from 1, with their numbers.
export function code_rows(lines, first, last, marked) {
  const rows = [];
  for (let n = first; n <= last; ++n) {
    rows.push(el(n === marked ? 'mark' : 'span', { class: 'row' },
      el('span', { class: 'number' }, String(n)), `${lines[n - 1]}\n`));
  }
  return el('code', {}, rows);
}

// One file to scroll through; the line that `place` means stands near the top.
async function open_file(transport, place, node) {
  const lines = await source_lines(transport, place.name);
  const where = `${place.path}:${place.line}`;
  const pre = el('pre', { tabindex: 0, role: 'region', 'aria-label': where },
    code_rows(lines, 1, lines.length, place.line));
  clear(node).append(el('figcaption', {}, `${where} `, copy_button('copy the place', () => where)),
    pre);
  pre.scrollTop = pre.querySelector('mark').offsetTop - 2 * pre.querySelector('.row').offsetHeight;
}

// places: [{name, path, words, line}], the one that says most in front. Nothing is asked for before
// somebody opens it.
export function code_box(transport, places) {
  if (!places.length) return null;
  const figure = el('figure', { class: 'code file' });
  let newest = 0;
  const show = async (number) => {
    const mine = ++newest;
    buttons.forEach((one, i) => one.setAttribute('aria-pressed', String(i === number)));
    const shown = el('div', {});
    clear(figure).append(shown);
    try {
      await open_file(transport, places[number], shown);
    } catch (error) {
      if (mine === newest) clear(shown).append(complaint(error));
    }
  };
  const buttons = places.map((place, i) => el('button', { type: 'button', class: 'quiet place-of',
    onclick: () => show(i) }, place.words));
  const box = el('details', { class: 'the-code' }, el('summary', {}, 'the code'),
    places.length > 1 ? el('div', { class: 'actions', role: 'group', 'aria-label': 'functions' },
      buttons) : null, figure);
  box.addEventListener('toggle', () => { if (box.open && !newest) show(0); });
  return box;
}
