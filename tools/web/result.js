// What was found, as a part of a page: its figures, where they are from, and the command that makes
// them again.
import { clear, copy_button, el } from './dom.js';
import { figure } from './figures.js';

export function command_line(command) {
  return el('div', { class: 'command' }, el('code', {}, command),
    copy_button('copy the command', () => command));
}

export function provenance(page) {
  return el('footer', { class: 'from' }, el('p', {}, page.from), command_line(page.command));
}

export function show_page(node, page) {
  clear(node).append(el('h2', {}, page.title), ...page.figures.map((said) => figure(said)),
    provenance(page));
}
