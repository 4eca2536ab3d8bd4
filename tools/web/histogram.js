// How numbers are spread: a column for each part of their range.
import { el, hide_tip, picture, show_tip, svg } from './dom.js';
import { short_number } from './numbers.js';

const kHeight = 90;

export function bars_of_histogram(tensor) {
  const counts = tensor.histogram, most = Math.max(...counts, 1);
  const low = tensor.min, step = (tensor.max - tensor.min) / counts.length;
  const words = (i) => `${(low + i * step).toPrecision(3)} to ${(low + (i + 1) * step)
    .toPrecision(3)}: ${counts[i].toLocaleString('en-US')}`;
  const node = el('div', { class: 'histogram', role: 'img', 'aria-label':
    `how the numbers are spread between ${tensor.min} and ${tensor.max}` });
  const draw = (width) => {
    const each = width / counts.length;
    const columns = counts.map((n, i) => {
      const height = n > 0 ? Math.max(1, n / most * (kHeight - 18)) : 0;
      return svg('rect', { class: 'column', x: i * each, y: kHeight - 16 - height, height,
        width: Math.max(each - 1, 1) });
    });
    const zero = low < 0 && tensor.max > 0 ? -low / (tensor.max - low) * width : null;
    node.replaceChildren(svg('svg', { width, height: kHeight }, columns,
      zero === null ? null : svg('path', { class: 'reference', d: `M${zero} 0V${kHeight - 14}` }),
      svg('text', { x: 0, y: kHeight - 3, class: 'faded' }, short_number(low, 1)),
      svg('text', { x: width, y: kHeight - 3, class: 'faded', 'text-anchor': 'end' },
        short_number(tensor.max, 1))));
  };
  node.addEventListener('pointermove', (event) => {
    const box = node.getBoundingClientRect();
    const i = Math.floor((event.clientX - box.left) / box.width * counts.length);
    if (i >= 0 && i < counts.length) show_tip(words(i), event.clientX, event.clientY);
  });
  node.addEventListener('pointerleave', hide_tip);
  return picture(node, draw);
}
