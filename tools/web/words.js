// What a result or a refusal says to somebody at a terminal, said to somebody at the page: an
// option is a field, a command is a page or a button of this one, and the name of a neuron leads to
// it.
import { el } from './dom.js';

// ---- sentences ----------------------------------------------------------------------------------

// A page by its title, as the navigation says it.
function page_link(id) {
  const title = document.querySelector(`#pages a[href="#/${id}"]`)?.textContent;
  return title ? el('a', { href: `#/${id}` }, title) : `glass interp ${id}`;
}

// What is made once and then looked into: the command that makes it, and the page that can.
const kMade = { 'neurons scan': 'neurons', 'sae train': 'sae' };

// "there is no scan at X; make one: glass interp neurons scan --ckpt Y"
function maker_words([said, before, command], root) {
  const box = root?.querySelector(`.make[data-command="glass interp ${command}"]`);
  if (box) {
    box.open = true;
    return [`${before} press "${box.dataset.words}" above.`];
  }
  const page = page_link(kMade[command]);
  return page instanceof Node ? [`${before} the page `, page, ' can make one.'] : [said];
}

// What the program says, and what to say in its place: words, and links between them.
const kSaid = [
  [/^(.*[;.]) (?:make one|train one|Renew it): glass interp (neurons scan|sae train)\b.*$/s,
    maker_words],
  [/glass interp neurons show L N tells more of one\./,
    () => ['Press the name of a neuron to see more of it.']],
  [/name them together with --heads to see/, () => ['switch them off together, above, to see']],
  [/train with --keep 0/, () => ['start a run on the page ', page_link('train'), ' with "keep" 0']],
  [/name a text with --data\./, () => ['open a run of the page ', page_link('train'), '.']],
  [/give either --prompt TEXT or --tokens 1,2,3\./i,
    () => ['There is nothing to read: type a text into "prompt".']],
  [/glass interp ([a-z]+)\b/, ([, id]) => [page_link(id)]],
];

// A sentence as words and links. root: the page, whose buttons may be meant. in_fields: what a form
// makes of the names of its options.
export function page_words(sentence, root, in_fields = (text) => text) {
  for (const [said, words] of kSaid) {
    const found = said.exec(sentence);
    if (!found) continue;
    return [in_fields(sentence.slice(0, found.index)), ...words(found, root),
      ...page_words(sentence.slice(found.index + found[0].length), root, in_fields)];
  }
  return [in_fields(sentence)];
}

// ---- names --------------------------------------------------------------------------------------

// Columns of a table whose cells name something that has a page of its own.
const kNames = {
  neuron: [/^(\d+)\.(\d+)$/, ([, layer, neuron]) => `#/neurons?L=${layer}&N=${neuron}`],
  feature: [/^(\d+)$/, ([, feature]) => `#/sae?F=${feature}`],
};

function link_names(table) {
  [...table.tHead?.rows[0]?.cells ?? []].forEach((head, column) => {
    const [pattern, address] = kNames[head.textContent] ?? [];
    for (const row of pattern ? table.tBodies[0].rows : []) {
      const cell = row.cells[column], found = pattern.exec(cell.textContent);
      if (found) cell.replaceChildren(el('a', { href: address(found) }, cell.textContent));
    }
  });
}

// ---- signs --------------------------------------------------------------------------------------

// What stands for letters that nobody can see (interp/specimen.cpp).
const kSigns = [['·', 'a space'], ['\\n', 'the end of a line'], ['\\t', 'a tab']];

function texts_in(figure) {
  return [figure.text, figure.tokens, figure.rows, figure.columns, figure.texts,
    figure.bars?.map((bar) => bar.name), figure.maps?.slice(0, 1).map(texts_in)].flat(3);
}

// What the signs in these figures mean; null where there are none.
function signs_in(figures) {
  const texts = figures.flatMap(texts_in).filter(Boolean);
  const said = kSigns.filter(([sign]) => texts.some((text) => text.includes(sign)))
    .map(([sign, means]) => `${sign} is ${means}`);
  return said.length ? el('p', { class: 'remark signs' }, `Among tokens, ${said.join(', ')}.`)
    : null;
}

// ---- a result -----------------------------------------------------------------------------------

// A result that was drawn for everybody (figures.js draws reports, too), made one of this page.
export function settle_in(result, { figures }, root, in_fields) {
  for (const line of result.querySelectorAll('.words p, .badge p')) {
    if (!line.childElementCount) {
      line.replaceChildren(...page_words(line.textContent, root, in_fields));
    }
  }
  for (const table of result.querySelectorAll('.table table')) link_names(table);
  const signs = signs_in(figures);
  if (signs) result.querySelector('footer.from')?.before(signs);
}
