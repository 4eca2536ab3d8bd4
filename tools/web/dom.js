// Elements of the page, made without a parser: what a text says is never read as markup, so a
// token named <img> is shown as those five letters.

const kSvg = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

// el('p', {class: 'lead', onclick: f}, 'words', another_element)
export function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(kSvg, name), attributes, children);
}

export function clear(node) {
  node.replaceChildren();
  return node;
}

// ---- the number under the pointer ---------------------------------------------------------------

export function show_tip(text, x, y) {
  const tip = document.getElementById('tip');
  if (tip.textContent !== text) tip.textContent = text;
  tip.hidden = false;
  const right = x + 14 + tip.offsetWidth > innerWidth - 4;
  tip.style.left = `${Math.max(4, right ? x - 10 - tip.offsetWidth : x + 14)}px`;
  tip.style.top = `${Math.max(4, y - 34)}px`;
}

export function hide_tip() {
  document.getElementById('tip').hidden = true;
}

// For those who listen to the page.
export function say(text) {
  document.getElementById('said').textContent = text;
}

// ---- pictures that know how wide they may be ----------------------------------------------------

const kDark = matchMedia('(prefers-color-scheme: dark)');
export function ground() {
  return kDark.matches ? 'terminal' : 'paper';
}

// Calls paint() whenever the scheme of colours changes, as long as the node stands in the page.
export function on_scheme(node, paint) {
  const again = () => {
    if (node.isConnected) paint();
    else kDark.removeEventListener('change', again);
  };
  kDark.addEventListener('change', again);
}

// Calls draw(width) now and whenever the room or the scheme of colours changes.
export function picture(node, draw) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (!node.isConnected || Math.abs(node.clientWidth - width) < 1 || !node.clientWidth) return;
    width = node.clientWidth;
    draw(width);
  });
  observer.observe(node);
  on_scheme(node, () => { if (width) draw(width); });
  return node;
}

// ---- words --------------------------------------------------------------------------------------

const kPen = document.createElement('canvas').getContext('2d');
const kFont = 'system-ui, "Helvetica Neue", Arial, sans-serif';

export function width_of(text, size = 11) {
  kPen.font = `${size}px ${kFont}`;
  return kPen.measureText(text).width;
}

export function widest(texts, size = 11) {
  let most = 0;
  for (const text of texts) most = Math.max(most, width_of(text, size));
  return most;
}

// The text, or as much of its beginning as there is room for.
export function fitted(text, room, size = 11) {
  if (width_of(text, size) <= room) return text;
  const letters = Array.from(text);
  let low = 0, high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (width_of(letters.slice(0, middle).join('') + '…', size) <= room) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? letters.slice(0, low).join('') + '…' : '';
}

// A button that says for a moment that it did its work.
export function copy_button(words, text_of) {
  const button = el('button', { type: 'button', class: 'quiet' }, words);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text_of());
      button.textContent = 'copied';
    } catch {
      button.textContent = 'the browser did not allow it';
    }
    setTimeout(() => { button.textContent = words; }, 1500);
  });
  return button;
}
