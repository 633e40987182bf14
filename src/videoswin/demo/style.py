"""The look of the demo's page. Colours follow the reader's light or dark setting."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2128; --soft: #5d6673; --line: #e4e2dc;
  --accent: #2f5fd0; --right: #1f7f4c; --wrong: #c2372f; --track: #ecebe6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1c1f25; --ink: #e9e8e4; --soft: #9aa3b0; --line: #2d323a;
    --accent: #86a8ff; --right: #5cc98c; --wrong: #ff8078; --track: #2a2f37;
  }
  /* White charts turn dark; what was white lets the card through. */
  img.chart { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 3.5rem 1.25rem 2rem; }
h1 { font-size: clamp(2rem, 5vw, 3.1rem); line-height: 1.1; letter-spacing: -0.025em; margin: 0 0 1rem; }
h2 { font-size: 1.45rem; letter-spacing: -0.015em; margin: 4rem 0 0.4rem; }
h3 { font-size: 1rem; margin: 2rem 0 0.6rem; }
p { max-width: 44rem; margin: 0.4rem 0 1rem; }
.lead { font-size: 1.15rem; color: var(--soft); }
.kicker {
  color: var(--accent); font-weight: 600; font-size: 0.8rem; letter-spacing: 0.09em;
  text-transform: uppercase; margin-bottom: 0.6rem;
}
.grid { display: grid; gap: 1rem; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); margin: 2rem 0 0; }
.gallery { grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); }
.halves { grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.2rem; }
.tile b { display: block; font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.03em; }
.tile span { color: var(--soft); font-size: 0.9rem; line-height: 1.4; display: block; margin-top: 0.25rem; }
figure { margin: 0; }
figcaption { font-size: 0.9rem; color: var(--soft); margin-top: 0.55rem; }
figcaption b { color: var(--ink); font-weight: 600; }
.gallery figure { padding: 0.6rem 0.6rem 0.7rem; }
.gallery figcaption { padding: 0 0.25rem; }
video { width: 100%; aspect-ratio: 4 / 3; display: block; border-radius: 9px; }
img { max-width: 100%; height: auto; display: block; }
img.chart { margin: 0 auto; }
img.strip { width: 100%; border-radius: 5px; }
.clip { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 0.4rem 1.4rem; align-items: center; }
.clip + .clip { margin-top: 0.8rem; }
.clip .name { font-size: 0.9rem; color: var(--soft); margin: 0 0 0.4rem; }
.clip .name b { color: var(--ink); }
.verdict { font-weight: 600; font-size: 0.95rem; }
.right { color: var(--right); }
.wrong { color: var(--wrong); }
.guess {
  display: grid; grid-template-columns: 1fr 3.2rem; font-size: 0.84rem; line-height: 1.35;
  margin-top: 0.35rem;
}
.guess i { font-style: normal; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
.bar { grid-column: 1 / -1; height: 4px; border-radius: 2px; background: var(--track); overflow: hidden; }
.bar div { height: 100%; background: var(--accent); border-radius: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td {
  text-align: left; padding: 0.6rem 0.9rem 0.6rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top;
}
th { font-weight: 600; font-size: 0.85rem; color: var(--soft); }
tr:last-child td { border-bottom: 0; }
td.number { white-space: nowrap; font-weight: 600; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: 0.88em; }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem;
  margin: 0.8rem 0; overflow-x: auto; font-size: 0.84rem; line-height: 1.65;
}
pre .remark { color: var(--soft); }
footer {
  margin-top: 4rem; padding-top: 1.2rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: 0.9rem;
}
@media (max-width: 46rem) { .clip { grid-template-columns: minmax(0, 1fr); } }
"""
