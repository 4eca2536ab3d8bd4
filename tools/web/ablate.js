// Ablate: switch heads off and see what becomes worse. The switches write the option --heads.
import { analysis_page, example } from './analysis.js';
import { el } from './dom.js';

function controls({ model }, form, run) {
  const off = new Set();
  const switches = [];
  for (let l = 0; l < model.layers; ++l) {
    for (let h = 0; h < model.heads; ++h) {
      switches.push(el('button', { type: 'button', class: 'switch', 'data-head': `${l}.${h}` },
        `${l}.${h}`));
    }
  }
  const draw = () => {
    off.clear();
    for (const name of String(form.body().heads ?? '').split(/[ ,]+/).filter(Boolean)) {
      const [l, h] = name.split('.');
      for (let i = 0; h === '*' && i < model.heads; ++i) off.add(`${l}.${i}`);
      if (h !== '*') off.add(name);
    }
    for (const one of switches) {
      one.setAttribute('aria-pressed', String(off.has(one.dataset.head)));
    }
  };
  const write = () => {
    form.set({ heads: switches.map((one) => one.dataset.head).filter((name) => off.has(name))
      .join(',') });
    draw();
    run(form.body());
  };
  for (const one of switches) {
    one.addEventListener('click', () => {
      const name = one.dataset.head;
      if (!off.delete(name)) off.add(name);
      write();
    });
  }
  const all = el('button', { type: 'button', class: 'quiet' }, 'all heads on');
  all.addEventListener('click', () => { off.clear(); write(); });
  form.node.addEventListener('change', draw);
  draw();
  const grid = el('div', { class: 'switches', role: 'group', 'aria-label': 'heads to switch off' },
    switches);
  grid.style.setProperty('--columns', Math.min(model.heads, 16));
  return el('section', { class: 'figure' }, el('h3', {}, 'Heads that are switched off'),
    el('p', { class: 'remark' }, 'None: every head is taken out in turn. '), grid, all);
}

export const ablate_page = analysis_page({ id: 'ablate', title: 'Ablate',
  lead: 'Take parts of the model out. What does it get wrong then?',
  later: ['heads', 'windows'], controls,
  start: example });
