"""The look of a run's page: one column of cards that also prints well."""

CSS = """
body { margin: 0; background: #f6f6f3; color: #20242b; font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem; }
h1 { font-size: 1.9rem; margin: 0 0 0.2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 0.7rem; }
.soft, .name, th, figcaption { color: #5d6673; }
.card { background: #fff; border: 1px solid #dfded8; border-radius: 10px; padding: 1rem; margin: 0 0 0.8rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.8rem; }
.tiles b { display: block; font-size: 1.7rem; line-height: 1.3; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
img.matrix { max-height: 46rem; width: auto; }
img.strip { width: 100%; border-radius: 4px; }
.clip { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 0.3rem 1.3rem; align-items: center; }
.name { margin: 0 0 0.4rem; overflow-wrap: anywhere; }
.name b { color: #20242b; }
.missing { color: #a3362e; }
.guess { display: grid; grid-template-columns: 1fr 3.4rem; font-size: 0.88rem; margin-top: 0.35rem; }
.guess i { font-style: normal; text-align: right; font-variant-numeric: tabular-nums; }
.bar { grid-column: 1 / -1; height: 4px; border-radius: 2px; background: #ecebe6; }
.bar div { height: 100%; border-radius: 2px; background: #9aa3b0; }
.guess.right .bar div { background: #1f7f4c; }
.scroll { overflow: auto; max-height: 34rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.35rem 0.9rem 0.35rem 0; border-bottom: 1px solid #ecebe6; }
td.number, th.number { text-align: right; padding-right: 2.5rem; }
pre { margin: 0; font: 0.82rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 46rem) { .clip { grid-template-columns: minmax(0, 1fr); } }
"""
