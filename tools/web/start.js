// The first page: which questions can be asked.
import { el } from './dom.js';
import { groups } from './pages.js';

export function start_page(context) {
  const summary = (page) => {
    const name = { neurons: 'neurons-show', sae: 'sae-show' }[page.id] ?? page.id;
    const said = context.analyses.find((one) => one.name === name)?.summary ?? page.summary ?? '';
    return said.charAt(0).toUpperCase() + said.slice(1);
  };
  return el('div', {}, el('h1', {}, 'Look inside'),
    el('p', { class: 'lead' }, 'Every number on these pages is computed now, by the model that ' +
      'is open, and every page says which command prints the same numbers.'),
    el('div', { class: 'doors' }, groups.flatMap((group) => group.pages.map((page) =>
      el('a', { class: 'door', href: `#/${page.id}` }, el('h2', {}, page.title),
        el('p', {}, summary(page)))))));
}
