// A report: results that lie in the file itself (tools/pages_html.cpp), as text for whoever has no
// JavaScript. Here each becomes the figures that the dashboard would show.
import { el } from './dom.js';
import { figure } from './figures.js';
import { provenance } from './result.js';

function save_button(name, data) {
  const button = el('button', { type: 'button', class: 'quiet' }, 'save the numbers (JSON)');
  button.addEventListener('click', () => {
    const address = URL.createObjectURL(new Blob([data], { type: 'application/json' }));
    el('a', { href: address, download: `${name}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  return button;
}

function draw(section) {
  const text_of = (id) => document.getElementById(id)?.textContent;
  const page = JSON.parse(text_of(`${section.id}-page`)), data = text_of(`${section.id}-data`);
  const footer = provenance(page);
  if (data) footer.append(save_button(section.id, data));
  section.querySelector('.plain').replaceWith(...page.figures.map((said) => figure(said)), footer);
}

for (const section of document.querySelectorAll('main > section')) draw(section);

// The list of parts marks the one that is being read: what crosses a line in the upper half.
const nav = document.querySelector('.pages');
function mark(id) {
  for (const link of nav.querySelectorAll('a')) {
    if (link.hash !== `#${id}`) link.removeAttribute('aria-current');
    else {
      link.setAttribute('aria-current', 'true');
      nav.scrollTo({ left: link.offsetLeft - 20 });   // on a phone the list is one line
    }
  }
}
if (nav) {
  const watch = new IntersectionObserver((crossings) => {
    const here = crossings.find((crossing) => crossing.isIntersecting);
    if (here) mark(here.target.id);
  }, { rootMargin: '-25% 0px -75% 0px' });
  for (const section of document.querySelectorAll('main > section')) watch.observe(section);
}

// What the address names stands elsewhere now.
document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
