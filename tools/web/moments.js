// The moments of a neuron or a feature: lines of text below one another, the token that is meant
// marked in each. The first of them are shown, the others when asked for.
import { el } from './dom.js';
import { figure, strip_table, token_line } from './figures.js';
import { colour_bar, numbers_behind } from './heatmap.js';
import { floats } from './numbers.js';

const kFirst = 4;

// behind: how many tokens follow the one that is meant.
function moment(said, behind) {
  const line = token_line(said.tokens), values = floats(said.values);
  line.paint(values, said.colours, said.range);
  line.spans.at(-1 - behind)?.classList.add('asked');
  return el('div', { class: 'moment' },
    el('p', { class: 'remark' }, said.title.replace(/^[A-Z]\w*\. /, '')), line.node);
}

function group(title, strips, contexts) {
  const lines = strips.map((said, i) => moment(said, contexts[i].after.length));
  const rest = el('div', { hidden: true }, lines.slice(kFirst));
  const more = el('button', { type: 'button', class: 'quiet', hidden: lines.length <= kFirst,
    onclick: () => { rest.hidden = false; more.hidden = true; } }, `all ${lines.length}`);
  return el('figure', { class: 'figure moments' }, el('figcaption', {}, el('h3', {}, title)),
    lines.slice(0, kFirst), rest, more, colour_bar(strips[0]),
    numbers_behind(() => strips.map(strip_table)));
}

// The figures of a page. Strips in a row over one range of colours are a group, named by the word
// before the first of them.
export function with_moments({ figures }, { contexts = [], weakest = [] }) {
  const drawn = [], moments = [...contexts, ...weakest];
  for (let i = 0; i < figures.length; ++i) {
    const word = figures[i].kind === 'strip' && /^([A-Z]\w*)\. /.exec(figures[i].title)?.[1];
    if (!word) {
      drawn.push(figure(figures[i]));
      continue;
    }
    let end = i + 1;
    while (figures[end]?.kind === 'strip' && !/^[A-Z]\w*\. /.test(figures[end].title)) end += 1;
    const strips = figures.slice(i, end);
    const of = word === 'Weakest' ? moments.slice(contexts.length) : moments;
    drawn.push(group(`${word} moments`, strips, of));
    i = end - 1;
  }
  return drawn;
}
