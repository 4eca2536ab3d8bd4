// Induction: which heads continue what came before, and whether it is real: a head that looks at a
// fixed distance scores as well at one length, but not at others.
import { analysis_page } from './analysis.js';
import { el } from './dom.js';
import { short_number } from './numbers.js';
import { show_page } from './result.js';

function row(good, words) {
  return el('li', { class: good ? 'good' : 'bad' }, el('b', {}, good ? 'yes' : 'no'), ` ${words}`);
}

function badge(data) {
  const best = data.scores[0];
  const said = (value) => short_number(value, 1);
  const real = best.label.startsWith('induction');
  const tests = [best.score, best.robust, best.gap].map((value) => value >= data.threshold);
  const words = real ? 'real' : tests.every(Boolean) ? 'not proven' : 'not real';
  const lengths = `${Math.min(...data.lengths)} to ${Math.max(...data.lengths)}`;
  return el('aside', { class: `badge ${real ? 'good' : 'bad'}`, 'aria-label': 'is it real?' },
    el('h2', {}, tests[0] ? `Head ${best.layer}.${best.head}: ${words}` : 'No induction head'),
    el('ul', {},
      row(tests[0], `scores ${said(best.score)} at ${data.n} tokens ` +
        `(threshold ${said(data.threshold)}, looking everywhere alike ` +
        `${said(data.uniform_baseline)})`),
      row(tests[1], `and at least ${said(best.robust)} at every length from ` +
        lengths),
      row(tests[2], `and ${said(best.gap)} where the copy moves`),
      row(best.copy > 0, `and writes what it looks at: copy score ${said(best.copy)}`)),
    best.verdict ? el('p', {}, best.verdict) : null);
}

export const induction_page = analysis_page({ id: 'induction', title: 'Induction',
  lead: 'Random tokens come twice. Which heads look, from a token of the second copy, at the one ' +
    'behind its first occurrence?',
  later: ['sequences', 'random-models'],
  show(node, { page, data }) {
    show_page(node, page);
    if (data.scores.length) node.querySelector('h2').after(badge(data));
  } });
