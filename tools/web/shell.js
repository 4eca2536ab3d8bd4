// Commands as a person may copy them.

// As a shell takes it; the same rule as tools/shell_word.cpp.
function shell_word(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// shell_line('glass sample', {n: 3}) is "glass sample --n=3"
export function shell_line(command, options) {
  return [command, ...Object.entries(options).map(
    ([name, value]) => shell_word(`--${name}=${value}`))].join(' ');
}
