"""The page at the end of a run: what it learned from, how it went, what it takes for what.

`KeepScores` writes down each validation; `write_page` reads that and the other files of the run's folder, so
the page can be made again at any time.
"""

from __future__ import annotations

from videoswin.train.report.keep import KeepScores as KeepScores
from videoswin.train.report.page import write_page as write_page
