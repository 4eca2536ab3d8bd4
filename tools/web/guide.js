// The guide: a whole GPT on one page, small enough to see every number, for somebody who has never
// seen one. Eight sections over the same model, which the reader trains.
import { el } from './dom.js';
import { attention_section, forward_section, token_section } from './guide_forward.js';
import { Guide } from './guide_parts.js';
import { train_section, weight_section } from './guide_train.js';
import { value_section } from './guide_values.js';
import { engine_section, write_section } from './guide_write.js';

const kSections = [token_section, value_section, weight_section, forward_section,
  attention_section, train_section, write_section, engine_section];

function contents(sections) {
  return el('nav', { class: 'contents', 'aria-label': 'sections of the guide' },
    el('ol', {}, sections.map((made) => {
      const heading = made.querySelector('h2');
      return el('li', {}, el('button', { type: 'button', class: 'quiet', onclick: () => {
        made.scrollIntoView({ block: 'start' });
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
      } }, heading.textContent.replace(/^\d+\. /, '')));
    })));
}

export async function guide_page(context) {
  const guide = new Guide(context.transport);
  const state = await guide.ask('reset');
  const sections = kSections.map((make) => make(guide, state));
  return el('div', { class: 'guide' }, el('h1', {}, 'How a GPT works, with every number in sight'),
    el('p', { class: 'lead' }, 'microgpt is the smallest program that is a GPT: it reads names ' +
      'and makes up new ones. Nothing here is a drawing of somebody\'s idea of it. All numbers are ' +
      'computed now, by the program whose lines stand beside them.'),
    contents(sections), sections);
}
