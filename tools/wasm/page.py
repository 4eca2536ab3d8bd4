#!/usr/bin/env python3
"""The dashboard as one file: page, engine and all, for a disk or a plain web server. It asks nobody anything.

    python3 tools/wasm/page.py --web tools/web --engine build/wasm/glass_wasm.js --out build/wasm/glass.html

Modules cannot be files here, so each of them becomes a data: address in an import map, and what they import from one
another ('./dom.js') a name in it ('glass/dom.js').
"""
import argparse
import base64
import gzip
import json
import pathlib
import re

# No address in here leads anywhere but into the page itself.
POLICY = ("default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' data: blob:; style-src 'unsafe-inline'; "
          "worker-src blob:; img-src data:; connect-src data: blob:; base-uri 'none'")


def data(kind, text):
    return f"data:{kind};base64," + base64.b64encode(text.encode()).decode()


def module(text):
    return re.sub(r"""(from|import)(\s*\(?\s*)(['"])\./""", r"\1\2\3glass/", text)


def page(web, engine):
    modules = {f"glass/{path.name}": data("text/javascript", module(path.read_text())) for path in sorted(web.glob("*.js"))}
    html = (web / "index.html").read_text()

    def style(found):
        return f"<style>\n{(web / found[1]).read_text()}</style>"

    html = re.sub(r'<link rel="stylesheet" href="/([\w.]+)">', style, html)
    html = re.sub(r'href="/(\w+\.svg)"', lambda found: f'href="{data("image/svg+xml", (web / found[1]).read_text())}"', html)
    # The engine is text that wasm.js starts a thread with; a script of an unknown kind is never run. Its module is a third
    # of its size in here, and every browser can unpack it.
    module_bytes = base64.b64encode(gzip.compress(engine.with_suffix(".wasm").read_bytes(), 9, mtime=0)).decode()
    parts = [f'<script type="importmap">{json.dumps({"imports": modules})}</script>',
             '<script type="text/plain" id="engine">' + engine.read_text().replace("</script", r"<\/script") + "</script>",
             f'<script type="text/plain" id="engine-module">{module_bytes}</script>',
             '<script type="module">import "glass/app.js";</script>']
    html, found = re.subn(r'<script type="module" src="/app.js"></script>', lambda _: "\n".join(parts), html)
    assert found == 1, "index.html loads its modules in another way"
    return html.replace("<head>", f'<head>\n  <meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--web", type=pathlib.Path, required=True, help="the folder of the page")
    options.add_argument("--engine", type=pathlib.Path, required=True, help="what Emscripten wrote: the .js beside its .wasm")
    options.add_argument("--out", type=pathlib.Path, required=True)
    args = options.parse_args()
    args.out.write_text(page(args.web, args.engine))
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
