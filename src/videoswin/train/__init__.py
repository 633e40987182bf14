"""Training. `videoswin.train.run.train(config)` is the way in; `videoswin.train.config` is what a run can be
told.

Nothing is imported here, so that reading a configuration costs neither torch nor Lightning.
"""
