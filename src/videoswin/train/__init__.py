"""Training. `videoswin.train.run.train(config)` is the way in; `videoswin.train.config` is what a run can be
told.

Which file does what, in reading order:

- What a run can be told: config, with data_config, optimizer_config, scale_config; rules checks them.
- A run from its configuration to its files: run; material (what it has in hand), begin, start and peer (its
  model), datamodule and checks (its videos), memory (clips at once), describe, trainer, final, result,
  output, trial; packages.
- The model under Lightning: assemble, module, losses, scores, multi_label, gradients, groups, schedule, ema,
  freezing, nonfinite.
- Around the steps: callbacks, patience, progress, speed, waiting.
- Stopping and going on: saving, resume, state, position, signals; checkpoint/ (what is on the disk).
- Several processes: strategy, watch (and videoswin.launch, videoswin.ranks).
- What is written and drawn: loggers, metrics_file, growing_file, curves, report/.
- `--find_learning_rate`: find_rate, sweep.

Nothing is imported here, so that reading a configuration costs neither torch nor Lightning.
"""
